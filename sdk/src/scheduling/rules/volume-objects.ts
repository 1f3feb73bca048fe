/** Claims, volumes and what belongs to them, as rules about nodes look them up. */
import type { CsiNode, PersistentVolume, PersistentVolumeClaim as Claim, StorageClass } from '../../kube/index.ts';
import { classNameOf, podClaims as claimsOfPod, type PodClaim } from '../../volumes/index.ts';
import type { ClusterObjects, PodInfo, Status } from '../../contracts/scheduler/index.ts';

export type { Claim, CsiNode, PersistentVolume, PodClaim, StorageClass };

export function claimOf(objects: ClusterObjects, namespace: string, name: string): Claim | undefined {
  return objects.persistentVolumeClaim(namespace, name);
}

export function storageClassOf(objects: ClusterObjects, claim: Claim): StorageClass | undefined {
  const name = classNameOf(claim);
  return name === '' ? undefined : objects.storageClass(name);
}

export function podClaims({ name, pod }: PodInfo): PodClaim[] {
  return claimsOfPod(pod, name);
}

export function claimMissing(name: string): Status {
  return { code: 'unresolvable', reasonCode: 'claim-missing', reason: `persistentvolumeclaim "${name}" not found` };
}

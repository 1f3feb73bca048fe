/** What claims and volumes say of themselves. */
import {
  controllerOf,
  wholeQuantity,
  type KubeObject,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
} from '../kube/index.ts';
import { betaStorageClass, bindCompleted } from './annotations.ts';

type Claim = PersistentVolumeClaim;

/** The name of the class; '' when it has none. */
export function classNameOf(object: Claim | PersistentVolume): string {
  return object.metadata.annotations?.[betaStorageClass] ?? object.spec?.storageClassName ?? '';
}

/** Whether the claim leaves the class to the cluster. '' does not: it asks for none. */
export function wantsDefaultClass({ metadata, spec }: Claim): boolean {
  return metadata.annotations?.[betaStorageClass] === undefined && spec?.storageClassName === undefined;
}

const bytesOf = (quantity: string | undefined): number => wholeQuantity(quantity ?? '0') ?? 0;

/** What it asks for, in bytes. */
export const claimSize = ({ spec }: Claim): number => bytesOf(spec?.resources?.requests?.['storage']);

/** What it holds, in bytes. */
export const volumeSize = ({ spec }: PersistentVolume): number => bytesOf(spec?.capacity?.['storage']);

/** Claim and volume agree that they belong together. */
export function isFullyBound({ spec, metadata }: Claim): boolean {
  return (spec?.volumeName ?? '') !== '' && metadata.annotations?.[bindCompleted] !== undefined;
}

/** Whether the volume is set aside for the claim: for this very one, or for the first of its name. */
export function isSetAsideFor({ spec }: PersistentVolume, { metadata }: Claim): boolean {
  const { namespace, name, uid = '' } = spec?.claimRef ?? {};
  return namespace === metadata.namespace && name === metadata.name && (uid === '' || uid === metadata.uid);
}

/** A volume of a pod that stands for a claim. */
export interface PodClaim {
  readonly name: string;
  /** Made for the pod, from a template in it. */
  readonly ephemeral: boolean;
  /** Of the pod. */
  readonly volume: string;
  readonly readOnly: boolean;
}

/** The claims that a pod names, those that are made for it included. */
export function podClaims(pod: Pick<Pod, 'spec'>, podName: string): PodClaim[] {
  return (pod.spec.volumes ?? []).flatMap((volume): PodClaim[] => {
    const { name, persistentVolumeClaim, ephemeral } = volume as {
      readonly name: string;
      readonly persistentVolumeClaim?: { readonly claimName?: string; readonly readOnly?: boolean };
      readonly ephemeral?: unknown;
    };
    if (persistentVolumeClaim?.claimName !== undefined) {
      const { claimName, readOnly = false } = persistentVolumeClaim;
      return [{ name: claimName, ephemeral: false, volume: name, readOnly }];
    }
    if (ephemeral === undefined) return [];
    return [{ name: `${podName}-${name}`, ephemeral: true, volume: name, readOnly: false }];
  });
}

/** Whether the claim was made for that pod. */
export function isMadeFor(claim: KubeObject, pod: { readonly uid?: string | undefined }): boolean {
  return pod.uid !== undefined && controllerOf(claim)?.uid === pod.uid;
}

/** Claims, volumes and what belongs to them, as far as rules about nodes read them. */
import type { KubeObject, LabelSelector, NodeSelectorTerm, PodSpec } from '../../kube/index.ts';
import type { ClusterObjects, PodInfo, Status } from '../../contracts/scheduler/index.ts';

export interface Claim extends KubeObject {
  readonly spec?: {
    readonly accessModes?: readonly string[];
    readonly resources?: { readonly requests?: Readonly<Record<string, string>> };
    readonly selector?: LabelSelector;
    readonly storageClassName?: string;
    readonly volumeAttributesClassName?: string;
    readonly volumeMode?: string;
    readonly volumeName?: string;
  };
  readonly status?: { readonly phase?: string };
}

export interface PersistentVolume extends KubeObject {
  readonly spec?: {
    readonly accessModes?: readonly string[];
    readonly capacity?: Readonly<Record<string, string>>;
    readonly claimRef?: { readonly namespace?: string; readonly name?: string; readonly uid?: string };
    readonly csi?: { readonly driver?: string; readonly volumeHandle?: string };
    readonly nodeAffinity?: { readonly required?: { readonly nodeSelectorTerms?: readonly NodeSelectorTerm[] } };
    readonly storageClassName?: string;
    readonly volumeAttributesClassName?: string;
    readonly volumeMode?: string;
  };
  readonly status?: { readonly phase?: string };
}

export interface StorageClass extends KubeObject {
  readonly provisioner?: string;
  readonly volumeBindingMode?: string;
  readonly allowedTopologies?: readonly {
    readonly matchLabelExpressions?: readonly { readonly key: string; readonly values?: readonly string[] }[];
  }[];
}

export interface CsiNode extends KubeObject {
  readonly spec?: {
    readonly drivers?: readonly { readonly name: string; readonly allocatable?: { readonly count?: number } }[];
  };
}

const classAnnotation = 'volume.beta.kubernetes.io/storage-class';
const boundAnnotation = 'pv.kubernetes.io/bind-completed';

/** '' when it has none. */
export function classNameOf(object: Claim | PersistentVolume): string {
  return object.metadata.annotations?.[classAnnotation] ?? object.spec?.storageClassName ?? '';
}

export function claimOf(objects: ClusterObjects, namespace: string, name: string): Claim | undefined {
  return objects.persistentVolumeClaim(namespace, name);
}

export function storageClassOf(objects: ClusterObjects, claim: Claim): StorageClass | undefined {
  const name = classNameOf(claim);
  return name === '' ? undefined : objects.storageClass(name);
}

/** Claim and volume agree that they belong together. */
export function isFullyBound({ spec, metadata }: Claim): boolean {
  return (spec?.volumeName ?? '') !== '' && metadata.annotations?.[boundAnnotation] !== undefined;
}

export function waitsForConsumer(storageClass: StorageClass | undefined): boolean {
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}

/** A volume of a pod that stands for a claim. */
export interface PodClaim {
  readonly name: string;
  /** Made for the pod, from a template in it. */
  readonly ephemeral: boolean;
}

export function podClaims({ name, pod }: PodInfo): PodClaim[] {
  return (pod.spec.volumes ?? []).flatMap((volume: NonNullable<PodSpec['volumes']>[number]): PodClaim[] => {
    const source = volume['persistentVolumeClaim'] as { readonly claimName?: string } | undefined;
    if (source?.claimName !== undefined) return [{ name: source.claimName, ephemeral: false }];
    return volume['ephemeral'] === undefined ? [] : [{ name: `${name}-${volume.name}`, ephemeral: true }];
  });
}

export function claimMissing(name: string): Status {
  return { code: 'unresolvable', reasonCode: 'claim-missing', reason: `persistentvolumeclaim "${name}" not found` };
}

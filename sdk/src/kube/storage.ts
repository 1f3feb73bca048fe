/** Claims and volumes of core/v1, and storage.k8s.io/v1. */
import type { ObjectReference } from './core.ts';
import { defineResource, type Condition, type KubeObject, type LabelSelector, type ResourceType } from './meta.ts';
import type { NodeSelectorTerm } from './pods.ts';
import type { Quantities } from './quantity.ts';

export interface PersistentVolumeClaimSpec {
  accessModes?: string[];
  resources?: { requests?: Quantities; limits?: Quantities };
  selector?: LabelSelector;
  /** '' asks for volumes without a class; absent: for the default class. */
  storageClassName?: string;
  volumeAttributesClassName?: string;
  volumeMode?: string;
  volumeName?: string;
  [field: string]: unknown;
}

export interface PersistentVolumeClaim extends KubeObject {
  spec?: PersistentVolumeClaimSpec;
  status?: {
    /** `Pending`, `Bound`, `Lost`. */
    phase?: string;
    accessModes?: string[];
    capacity?: Quantities;
    conditions?: Condition[];
    allocatedResources?: Quantities;
    allocatedResourceStatuses?: Record<string, string>;
    [field: string]: unknown;
  };
}

export interface SecretReference {
  namespace?: string;
  name?: string;
}

export interface CsiPersistentVolumeSource {
  driver?: string;
  volumeHandle?: string;
  readOnly?: boolean;
  fsType?: string;
  volumeAttributes?: Record<string, string>;
  controllerPublishSecretRef?: SecretReference;
  nodeStageSecretRef?: SecretReference;
  nodePublishSecretRef?: SecretReference;
  controllerExpandSecretRef?: SecretReference;
  nodeExpandSecretRef?: SecretReference;
}

export interface PersistentVolumeSpec {
  accessModes?: string[];
  capacity?: Quantities;
  claimRef?: ObjectReference;
  csi?: CsiPersistentVolumeSource;
  hostPath?: { path: string; type?: string };
  local?: { path: string; fsType?: string };
  mountOptions?: string[];
  nodeAffinity?: { required?: { nodeSelectorTerms?: NodeSelectorTerm[] } };
  /** `Retain`, `Delete`, `Recycle`. */
  persistentVolumeReclaimPolicy?: string;
  storageClassName?: string;
  volumeAttributesClassName?: string;
  volumeMode?: string;
  [field: string]: unknown;
}

export interface PersistentVolume extends KubeObject {
  spec?: PersistentVolumeSpec;
  status?: {
    /** `Available`, `Bound`, `Released`, `Failed`; `Pending` before anybody has looked at it. */
    phase?: string;
    reason?: string;
    message?: string;
    lastPhaseTransitionTime?: string;
  };
}

export interface StorageClass extends KubeObject {
  provisioner?: string;
  parameters?: Record<string, string>;
  reclaimPolicy?: string;
  mountOptions?: string[];
  allowVolumeExpansion?: boolean;
  /** `Immediate`, `WaitForFirstConsumer`. */
  volumeBindingMode?: string;
  allowedTopologies?: { matchLabelExpressions?: { key: string; values?: string[] }[] }[];
}

export interface CsiDriver extends KubeObject {
  spec?: {
    storageCapacity?: boolean;
    attachRequired?: boolean;
    podInfoOnMount?: boolean;
    requiresRepublish?: boolean;
    /** `File`, `None`, `ReadWriteOnceWithFSType`. */
    fsGroupPolicy?: string;
    /** `Persistent`, `Ephemeral`. */
    volumeLifecycleModes?: string[];
    tokenRequests?: { audience: string; expirationSeconds?: number }[];
    [field: string]: unknown;
  };
}

export interface CsiNodeDriver {
  name: string;
  /** As the driver calls the node. */
  nodeID?: string;
  topologyKeys?: string[];
  allocatable?: { count?: number };
}

export interface CsiNode extends KubeObject {
  spec?: { drivers?: CsiNodeDriver[] };
}

/** That a volume is to be attached to a node, and whether it is. */
export interface VolumeAttachment extends KubeObject {
  spec?: {
    /** Name of the driver. */
    attacher: string;
    nodeName: string;
    source: { persistentVolumeName?: string; inlineVolumeSpec?: unknown };
  };
  status?: {
    attached: boolean;
    attachmentMetadata?: Record<string, string>;
    attachError?: VolumeFault;
    detachError?: VolumeFault;
  };
}

export interface VolumeFault {
  time?: string;
  message?: string;
}

/** How much can be made of a class where the topology says. */
export interface CsiStorageCapacity extends KubeObject {
  storageClassName?: string;
  nodeTopology?: LabelSelector;
  capacity?: string;
  maximumVolumeSize?: string;
}

const core = { group: '', version: 'v1' } as const;
const storage = { group: 'storage.k8s.io', version: 'v1' } as const;
export const persistentVolumeClaims: ResourceType<PersistentVolumeClaim> = defineResource({
  ...core,
  resource: 'persistentvolumeclaims',
  kind: 'PersistentVolumeClaim',
  namespaced: true,
});
export const persistentVolumes: ResourceType<PersistentVolume> = defineResource({
  ...core,
  resource: 'persistentvolumes',
  kind: 'PersistentVolume',
  namespaced: false,
});
export const storageClasses: ResourceType<StorageClass> = defineResource({
  ...storage,
  resource: 'storageclasses',
  kind: 'StorageClass',
  namespaced: false,
});
export const csiDrivers: ResourceType<CsiDriver> = defineResource({
  ...storage,
  resource: 'csidrivers',
  kind: 'CSIDriver',
  namespaced: false,
});
export const csiNodes: ResourceType<CsiNode> = defineResource({
  ...storage,
  resource: 'csinodes',
  kind: 'CSINode',
  namespaced: false,
});
export const csiStorageCapacities: ResourceType<CsiStorageCapacity> = defineResource({
  ...storage,
  resource: 'csistoragecapacities',
  kind: 'CSIStorageCapacity',
  namespaced: true,
});
export const volumeAttachments: ResourceType<VolumeAttachment> = defineResource({
  ...storage,
  resource: 'volumeattachments',
  kind: 'VolumeAttachment',
  namespaced: false,
});

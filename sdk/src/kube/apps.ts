/** apps/v1 kinds whose pods keep their place: on an ordinal, or on a node. Those that are alike are in `workloads.ts`. */
import { defineResource, type Condition, type KubeObject, type LabelSelector, type ResourceType } from './meta.ts';
import type { PodTemplateSpec } from './pods.ts';
import type { PersistentVolumeClaim } from './storage.ts';

export interface StatefulSet extends KubeObject {
  spec: {
    replicas?: number;
    selector: LabelSelector;
    template: PodTemplateSpec;
    serviceName?: string;
    volumeClaimTemplates?: PersistentVolumeClaim[];
    /** `OrderedReady`, `Parallel`. */
    podManagementPolicy?: string;
    updateStrategy?: {
      /** `RollingUpdate`, `OnDelete`. */
      type?: string;
      rollingUpdate?: { partition?: number; maxUnavailable?: number | string };
    };
    revisionHistoryLimit?: number;
    minReadySeconds?: number;
    /** `Retain`, `Delete`. */
    persistentVolumeClaimRetentionPolicy?: { whenDeleted?: string; whenScaled?: string };
    ordinals?: { start?: number };
  };
  status?: {
    observedGeneration?: number;
    replicas: number;
    readyReplicas?: number;
    availableReplicas?: number;
    currentReplicas?: number;
    updatedReplicas?: number;
    currentRevision?: string;
    updateRevision?: string;
    collisionCount?: number;
    conditions?: Condition[];
  };
}

export interface DaemonSet extends KubeObject {
  spec: {
    selector: LabelSelector;
    template: PodTemplateSpec;
    updateStrategy?: {
      /** `RollingUpdate`, `OnDelete`. */
      type?: string;
      rollingUpdate?: { maxUnavailable?: number | string; maxSurge?: number | string };
    };
    minReadySeconds?: number;
    revisionHistoryLimit?: number;
  };
  status?: {
    currentNumberScheduled: number;
    numberMisscheduled: number;
    desiredNumberScheduled: number;
    numberReady: number;
    updatedNumberScheduled?: number;
    numberAvailable?: number;
    numberUnavailable?: number;
    observedGeneration?: number;
    collisionCount?: number;
    conditions?: Condition[];
  };
}

/** What a set looked like once. */
export interface ControllerRevision extends KubeObject {
  /** A patch that makes the set look so again. Never changes. */
  data?: unknown;
  /** The highest of a set is the newest. */
  revision: number;
}

export const statefulSets: ResourceType<StatefulSet> = defineResource({
  group: 'apps',
  version: 'v1',
  resource: 'statefulsets',
  kind: 'StatefulSet',
  namespaced: true,
});
export const daemonSets: ResourceType<DaemonSet> = defineResource({
  group: 'apps',
  version: 'v1',
  resource: 'daemonsets',
  kind: 'DaemonSet',
  namespaced: true,
});
export const controllerRevisions: ResourceType<ControllerRevision> = defineResource({
  group: 'apps',
  version: 'v1',
  resource: 'controllerrevisions',
  kind: 'ControllerRevision',
  namespaced: true,
});

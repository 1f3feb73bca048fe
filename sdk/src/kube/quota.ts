/** Quotas and limit ranges of core/v1. */
import { defineResource, type KubeObject, type ResourceType } from './meta.ts';
import type { Quantities } from './quantity.ts';

/** One condition on the objects that a quota counts. */
export interface ScopeRequirement {
  /** `Terminating`, `NotTerminating`, `BestEffort`, `NotBestEffort`, `PriorityClass`, `CrossNamespacePodAffinity`, `VolumeAttributesClass`. */
  scopeName: string;
  /** `In`, `NotIn`, `Exists`, `DoesNotExist`. */
  operator: string;
  values?: string[];
}

export interface ResourceQuota extends KubeObject {
  spec?: {
    hard?: Quantities;
    /** All of them must hold. */
    scopes?: string[];
    scopeSelector?: { matchExpressions?: ScopeRequirement[] };
  };
  status?: { hard?: Quantities; used?: Quantities };
}

export interface LimitRangeItem {
  /** `Container`, `Pod`, `PersistentVolumeClaim`. */
  type: string;
  max?: Quantities;
  min?: Quantities;
  /** Limits of containers that name none. */
  default?: Quantities;
  /** Requests of containers that name none. */
  defaultRequest?: Quantities;
  maxLimitRequestRatio?: Quantities;
}

export interface LimitRange extends KubeObject {
  spec?: { limits?: LimitRangeItem[] };
}

const v1 = { group: '', version: 'v1', namespaced: true } as const;
export const resourceQuotas: ResourceType<ResourceQuota> = defineResource({
  ...v1,
  resource: 'resourcequotas',
  kind: 'ResourceQuota',
});
export const limitRanges: ResourceType<LimitRange> = defineResource({
  ...v1,
  resource: 'limitranges',
  kind: 'LimitRange',
});

/** Annotation of a pod: what a limit range has set in it. */
export const limitRangerAnnotation = 'kubernetes.io/limit-ranger';

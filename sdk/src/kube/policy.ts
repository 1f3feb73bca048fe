/** policy/v1 kinds. */
import { defineResource, type Condition, type KubeObject, type LabelSelector, type ResourceType } from './meta.ts';

export interface PodDisruptionBudget extends KubeObject {
  spec?: {
    /** A number, or a percentage of the pods that their owners declare. */
    minAvailable?: number | string;
    maxUnavailable?: number | string;
    /** Absent: no pods. Empty: all of the namespace. */
    selector?: LabelSelector;
    /** `IfHealthyBudget` (default), `AlwaysAllow`. */
    unhealthyPodEvictionPolicy?: string;
  };
  status?: {
    observedGeneration?: number;
    /** Pods that were evicted and are not seen to go as yet: their names, and when. */
    disruptedPods?: Record<string, string>;
    disruptionsAllowed: number;
    currentHealthy: number;
    desiredHealthy: number;
    expectedPods: number;
    conditions?: Condition[];
  };
}

export const podDisruptionBudgets: ResourceType<PodDisruptionBudget> = defineResource({
  group: 'policy',
  version: 'v1',
  resource: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
  namespaced: true,
});

/** Condition of a pod that is about to be ended for a reason that is not its own. */
export const disruptionTarget = 'DisruptionTarget';

/** Condition of a budget. */
export const disruptionAllowed = 'DisruptionAllowed';

/** What is observed of an autoscaler: all that the pure functions look at. */
import type { Observation } from '@timonel/sdk/controller';
import type { HorizontalPodAutoscaler, KubeObject, Pod, ResourceType, Selector } from '@timonel/sdk/kube';
import type { AutoscalerConfig } from './config.ts';
import type { Memory } from './memory.ts';
import type { Reading, Refusal } from './metric-problem.ts';

/** What is scaled, by its subresource `scale`. */
export interface Target {
  readonly type: ResourceType;
  /** With the metadata of what is scaled. */
  readonly object: KubeObject;
  readonly specReplicas: number;
  readonly statusReplicas: number;
  /** Query form. */
  readonly selector: string | undefined;
}

/** Why the pods of the target cannot be told. */
export interface SelectorProblem {
  /** Of the event. */
  readonly event: string;
  /** Of the condition. */
  readonly reason: string;
  readonly message: string;
}

export interface Sight {
  readonly target: Target;
  /** Undefined: there is none, or it cannot be read. */
  readonly selector: Selector | undefined;
  readonly selectorProblem: SelectorProblem | undefined;
  readonly pods: readonly Pod[];
  /** In the order of the metrics of the spec. */
  readonly readings: readonly Reading[];
}

export interface Observed extends Observation<HorizontalPodAutoscaler> {
  readonly subject: HorizontalPodAutoscaler;
  readonly key: string;
  readonly monotonicMs: number;
  readonly config: AutoscalerConfig;
  readonly memory: Memory;
  /** Undefined: it was looked at a moment ago, and nothing is to be done before `waitMs` are over. */
  readonly sight: Sight | Refusal | undefined;
  readonly waitMs: number;
}

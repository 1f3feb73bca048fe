/** What a count of replicas is computed from, for one metric. */
import type { MetricSpec, MetricStatus, Pod } from '@timonel/sdk/kube';
import type { AutoscalerConfig } from './config.ts';
import type { Samples } from './pod-groups.ts';
import type { Tolerance } from './ratio.ts';

/** What was measured. */
export type Reading =
  /** One value for each pod. */
  | { readonly of: 'pods'; readonly samples: Samples }
  /** One value, in thousandths. */
  | { readonly of: 'total'; readonly milli: number }
  /** None, and why. */
  | { readonly of: 'nothing'; readonly message: string };

export interface MetricProblem {
  readonly metric: MetricSpec;
  readonly reading: Reading;
  /** Those that the target's selector selects. */
  readonly pods: readonly Pod[];
  readonly specReplicas: number;
  readonly statusReplicas: number;
  readonly tolerance: Tolerance;
  readonly config: AutoscalerConfig;
  readonly nowMs: number;
}

export interface Proposal {
  readonly replicas: number;
  /** `cpu resource utilization (percentage of request)`. */
  readonly name: string;
  readonly status: MetricStatus;
}

/** There is no proposal, and why. */
export interface Refusal {
  readonly refusal: string;
}

export function isRefusal(value: object): value is Refusal {
  return 'refusal' in value;
}

/** The decision about one autoscaler: pure. Order and names of what is said are those of Kubernetes. */
import type { Condition, HorizontalPodAutoscaler, MetricStatus } from '@timonel/sdk/kube';
import { behaviorOf, toleranceOf } from './behavior.ts';
import { limit, stabilize, type Bounds, type Wish } from './limits.ts';
import { knownRecommendations } from './memory.ts';
import { isRefusal } from './metric-problem.ts';
import type { Observed, Sight } from './observed.ts';
import { propose, type MetricFailure, type Proposed } from './proposals.ts';

export type NewCondition = Omit<Condition, 'lastTransitionTime'>;

export interface Warning {
  readonly reason: string;
  readonly message: string;
}

export interface Decision {
  readonly conditions: readonly NewCondition[];
  readonly warnings: readonly Warning[];
  /** What the target has. Undefined: that is not known. */
  readonly currentReplicas?: number;
  /** What it is to have. Undefined: that is not known. */
  readonly desiredReplicas?: number;
  /** Undefined: as they were. */
  readonly metrics?: readonly MetricStatus[];
  /** What the metrics asked for, before it was held back. */
  readonly recommendation?: number;
  /** Set when the target is to be scaled. */
  readonly rescale?: { readonly replicas: number; readonly reason: string };
}

const condition = (type: string, status: 'True' | 'False', reason: string, message: string): NewCondition => ({
  type,
  status,
  reason,
  message,
});

const ableToGet = condition(
  'AbleToScale',
  'True',
  'SucceededGetScale',
  "the HPA controller was able to get the target's current scale",
);

export function boundsOf({ spec }: HorizontalPodAutoscaler): Bounds {
  return { min: spec.minReplicas ?? 1, max: spec.maxReplicas };
}

function notFound(message: string): Decision {
  const text = `the HPA controller was unable to get the target's current scale: ${message}`;
  return {
    conditions: [condition('AbleToScale', 'False', 'FailedGetScale', text)],
    warnings: [{ reason: 'FailedGetScale', message }],
  };
}

interface Recommended {
  readonly replicas: number;
  readonly name: string;
}

/** What all metrics together ask for. */
interface Metrics {
  readonly statuses: readonly MetricStatus[];
  readonly warnings: readonly Warning[];
  /** Of those that did not fail. */
  readonly highest: Recommended | undefined;
  readonly failures: readonly MetricFailure[];
}

function allMetrics({ subject, config, nowMs }: Observed, sight: Sight): Metrics {
  const { specReplicas, statusReplicas } = sight.target;
  const tolerance = toleranceOf(subject.spec, config);
  const proposed = (subject.spec.metrics ?? []).map((metric, index): Proposed => {
    const reading = sight.readings[index] ?? { of: 'nothing', message: 'the metric was not read' };
    const { pods } = sight;
    return propose({ metric, reading, pods, specReplicas, statusReplicas, tolerance, config, nowMs });
  });
  let highest: Recommended | undefined;
  const failures: MetricFailure[] = [];
  const statuses = proposed.map((one): MetricStatus => {
    if ('failure' in one) {
      failures.push(one.failure);
      return { type: '' };
    }
    const { replicas, name, status } = one.proposal;
    if (highest === undefined || replicas > highest.replicas) highest = { replicas, name };
    return status;
  });
  const warnings = failures.map(({ reason, cause }) => ({ reason, message: cause }));
  return { statuses, warnings, highest, failures };
}

/** A metric that fails may ask for more than the others do: then nothing is scaled down. */
function cannotCompute(metrics: Metrics, count: number, currentReplicas: number): Decision {
  const [first] = metrics.failures;
  const { reason = 'FailedGetMetrics', cause = 'there are no metrics', message = cause } = first ?? {};
  const text = `invalid metrics (${metrics.failures.length} invalid out of ${count}), first error is: ${message}`;
  return {
    conditions: [
      ableToGet,
      condition('ScalingActive', 'False', reason, `the HPA was unable to compute the replica count: ${cause}`),
    ],
    warnings: [...metrics.warnings, { reason: 'FailedComputeMetricsReplicas', message: text }],
    currentReplicas,
    metrics: metrics.statuses,
  };
}

function withoutSelector({ event, reason, message }: NonNullable<Sight['selectorProblem']>, current: number): Decision {
  return {
    conditions: [ableToGet, condition('ScalingActive', 'False', reason, message)],
    warnings: [
      { reason: event, message },
      { reason: 'FailedComputeMetricsReplicas', message },
    ],
    currentReplicas: current,
  };
}

function reasonOf(current: number, desired: number, metric: string): string {
  return desired > current ? `${metric} above target` : 'All metrics below target';
}

function byMetrics(observed: Observed, sight: Sight): Decision {
  const { subject, config, memory, monotonicMs: nowMs } = observed;
  const { specReplicas: current } = sight.target;
  if (sight.selectorProblem !== undefined) return withoutSelector(sight.selectorProblem, current);
  const metrics = allMetrics(observed, sight);
  const { highest, failures } = metrics;
  const mayFall = failures.length > 0 && (highest?.replicas ?? 0) < current;
  if (highest === undefined || mayFall) return cannotCompute(metrics, subject.spec.metrics?.length ?? 0, current);
  const wish: Wish = {
    current,
    desired: highest.replicas,
    bounds: boundsOf(subject),
    behavior: behaviorOf(subject.spec, config),
    recommendations: knownRecommendations(memory, current, nowMs),
    changes: memory.changes,
    nowMs,
    downscaleStabilizationMs: config.downscaleStabilizationMs,
  };
  const stable = stabilize(wish);
  const final = limit(wish, stable.replicas);
  const found = `the HPA was able to successfully calculate a replica count from ${highest.name}`;
  const isLimited = final.replicas !== stable.replicas;
  return {
    conditions: [
      condition('AbleToScale', 'True', stable.reason, stable.message),
      condition('ScalingActive', 'True', 'ValidMetricFound', found),
      condition('ScalingLimited', isLimited ? 'True' : 'False', final.reason, final.message),
    ],
    warnings: metrics.warnings,
    currentReplicas: current,
    desiredReplicas: final.replicas,
    metrics: metrics.statuses,
    recommendation: highest.replicas,
    ...(final.replicas === current
      ? {}
      : { rescale: { replicas: final.replicas, reason: reasonOf(current, final.replicas, highest.name) } }),
  };
}

function outOfBounds(currentReplicas: number, desiredReplicas: number, reason: string): Decision {
  const rescale = { replicas: desiredReplicas, reason };
  return { conditions: [ableToGet], warnings: [], currentReplicas, desiredReplicas, metrics: [], rescale };
}

/** Undefined: it is not time to decide yet. */
export function decide(observed: Observed): Decision | undefined {
  const { subject, sight } = observed;
  if (sight === undefined) return undefined;
  if (isRefusal(sight)) return notFound(sight.refusal);
  const { specReplicas: current } = sight.target;
  const { min, max } = boundsOf(subject);
  if (current === 0 && min !== 0) {
    const text = 'scaling is disabled since the replica count of the target is zero';
    const conditions = [ableToGet, condition('ScalingActive', 'False', 'ScalingDisabled', text)];
    return { conditions, warnings: [], currentReplicas: 0, desiredReplicas: 0, metrics: [] };
  }
  // Two with different bounds would drive the target to and fro.
  const isShared = sight.selectorProblem?.reason === 'AmbiguousSelector';
  if (isShared) return byMetrics(observed, sight);
  if (current > max) return outOfBounds(current, max, 'Current number of replicas above Spec.MaxReplicas');
  if (current < min) return outOfBounds(current, min, 'Current number of replicas below Spec.MinReplicas');
  return byMetrics(observed, sight);
}

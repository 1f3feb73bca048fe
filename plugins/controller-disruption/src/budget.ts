/** The arithmetic of a disruption budget. Pure. Source: policy/v1 PodDisruptionBudget. */
import { isPodReady, setCondition, timestampMs } from '@timonel/sdk/controller';
import { disruptionAllowed, type Condition, type Pod, type PodDisruptionBudget } from '@timonel/sdk/kube';
import type { Scale } from './scale.ts';

/** An evicted pod that is not seen to go after this long counts again. */
export const disruptionTimeoutMs = 120_000;

type Spec = NonNullable<PodDisruptionBudget['spec']>;
export type BudgetStatus = NonNullable<PodDisruptionBudget['status']>;

/** Whether the budget is said in terms of what the owners declare. */
export function needsScale({ minAvailable, maxUnavailable }: Spec): boolean {
  return maxUnavailable !== undefined || typeof minAvailable === 'string';
}

/** A number, or a share of `total`, rounded up. */
export function amountOf(value: number | string | undefined, total: number): number {
  if (typeof value === 'number' || value === undefined) return value ?? 0;
  return Math.ceil((Number.parseInt(value, 10) * total) / 100);
}

export interface Counts {
  readonly expectedPods: number;
  readonly desiredHealthy: number;
}

/** Undefined: not known. */
export function countsOf(spec: Spec, podCount: number, scale: Scale): Counts | undefined {
  const { minAvailable, maxUnavailable } = spec;
  if (maxUnavailable === undefined && typeof minAvailable === 'number') {
    return { expectedPods: podCount, desiredHealthy: minAvailable };
  }
  if (maxUnavailable === undefined && minAvailable === undefined) return { expectedPods: 0, desiredHealthy: 0 };
  if (!scale.known) return undefined;
  const { pods: expectedPods } = scale;
  const desiredHealthy =
    maxUnavailable === undefined
      ? amountOf(minAvailable, expectedPods)
      : Math.max(0, expectedPods - amountOf(maxUnavailable, expectedPods));
  return { expectedPods, desiredHealthy };
}

export interface Disrupted {
  /** Those that are still expected to go: names, and when they were evicted. */
  readonly pods: Readonly<Record<string, string>>;
  /** Those that should have gone, and did not. */
  readonly overdue: readonly Pod[];
  /** When the first of them is overdue, if it does not go. */
  readonly nextMs: number | undefined;
}

/** What became of the evicted pods. */
export function disruptedOf(status: BudgetStatus | undefined, pods: readonly Pod[], nowMs: number): Disrupted {
  const byName = new Map(pods.map((pod) => [pod.metadata.name ?? '', pod]));
  const left: Record<string, string> = {};
  const overdue: Pod[] = [];
  let nextMs: number | undefined;
  for (const [name, since] of Object.entries(status?.disruptedPods ?? {})) {
    const pod = byName.get(name);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    const leftMs = (timestampMs(since) ?? 0) + disruptionTimeoutMs - nowMs;
    if (leftMs < 0) {
      overdue.push(pod);
      continue;
    }
    left[name] = since;
    nextMs = Math.min(nextMs ?? leftMs, leftMs);
  }
  return { pods: left, overdue, nextMs };
}

/** Neither going nor expected to. */
export function isHealthy(pod: Pod, disrupted: Disrupted): boolean {
  const { name = '', deletionTimestamp } = pod.metadata;
  return deletionTimestamp === undefined && !Object.hasOwn(disrupted.pods, name) && isPodReady(pod);
}

type Finding = Pick<Condition, 'status' | 'reason' | 'message'>;

function withCondition(
  conditions: readonly Condition[] | undefined,
  finding: Finding,
  observedGeneration: number,
  timestamp: string,
): Condition[] {
  const set = setCondition(conditions, { type: disruptionAllowed, ...finding }, timestamp);
  return set.map((condition) =>
    condition.type === disruptionAllowed ? { ...condition, observedGeneration } : condition,
  );
}

/** What is not known is not allowed; the counts stay. */
export function failedStatus(budget: PodDisruptionBudget, problem: string, timestamp: string): BudgetStatus {
  const before = budget.status;
  const observed = before?.observedGeneration;
  const finding = { status: 'False', reason: 'SyncFailed', message: problem } as const;
  return {
    expectedPods: before?.expectedPods ?? 0,
    currentHealthy: before?.currentHealthy ?? 0,
    desiredHealthy: before?.desiredHealthy ?? 0,
    ...(before?.disruptedPods === undefined ? {} : { disruptedPods: before.disruptedPods }),
    ...(observed === undefined ? {} : { observedGeneration: observed }),
    disruptionsAllowed: 0,
    conditions: withCondition(before?.conditions, finding, observed ?? 0, timestamp),
  };
}

export function statusOf(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  counts: Counts,
  disrupted: Disrupted,
  timestamp: string,
): BudgetStatus {
  const currentHealthy = pods.filter((pod) => isHealthy(pod, disrupted)).length;
  const spare = counts.expectedPods > 0 ? Math.max(0, currentHealthy - counts.desiredHealthy) : 0;
  const observedGeneration = budget.metadata.generation ?? 0;
  const finding: Finding =
    spare > 0
      ? { status: 'True', reason: 'SufficientPods', message: '' }
      : { status: 'False', reason: 'InsufficientPods', message: '' };
  return {
    observedGeneration,
    ...(Object.keys(disrupted.pods).length === 0 ? {} : { disruptedPods: disrupted.pods }),
    disruptionsAllowed: spare,
    currentHealthy,
    ...counts,
    conditions: withCondition(budget.status?.conditions, finding, observedGeneration, timestamp),
  };
}

/** What disruption budgets need: their status, and that nobody waits for ever for an evicted pod. Pure. */
import {
  act,
  findCondition,
  jsonEqual,
  timestampMs,
  type Action,
  type Observation,
  type Reconciliation,
  type StatusPlan,
} from '@timonel/sdk/controller';
import {
  disruptionTarget,
  objectKey,
  podDisruptionBudgets,
  pods as podType,
  type Pod,
  type PodDisruptionBudget,
} from '@timonel/sdk/kube';
import {
  countsOf,
  disruptedOf,
  disruptionTimeoutMs,
  failedStatus,
  statusOf,
  type BudgetStatus,
  type Disrupted,
} from './budget.ts';
import type { Scale } from './scale.ts';

/** Owners that are not cached may have come meanwhile. */
const problemRetryMs = 30_000;

export interface Observed extends Observation<PodDisruptionBudget> {
  /** Those that the budget selects. */
  readonly pods: readonly Pod[];
  readonly scale: Scale;
  /** Names of other budgets that select some of the pods. Costly: of use to who asks why. */
  readonly rivals: () => readonly string[];
  /** A pod with the condition DisruptionTarget that nobody deletes. Without a subject. */
  readonly spared: Pod | undefined;
}

interface Plan {
  readonly status: BudgetStatus;
  readonly disrupted: Disrupted;
  readonly problem: string | undefined;
}

export function planOf(observed: Observed, budget: PodDisruptionBudget): Plan {
  const { pods, scale, nowMs, timestamp } = observed;
  const disrupted = disruptedOf(budget.status, pods, nowMs);
  const counts = countsOf(budget.spec ?? {}, pods.length, scale);
  if (counts === undefined) {
    const problem = scale.known ? 'the number of pods is not known' : scale.problem;
    return { status: failedStatus(budget, problem, timestamp), disrupted, problem };
  }
  return { status: statusOf(budget, pods, counts, disrupted, timestamp), disrupted, problem: undefined };
}

function told(reason: string, message: string, kind: 'Normal' | 'Warning' = 'Warning'): Action {
  return act.event(podDisruptionBudgets, { reason, message, kind }, { code: reason, text: message });
}

/** Told once for each change of what is known. */
function eventsOf({ pods, scale }: Observed, { problem }: Plan): Action[] {
  if (problem !== undefined)
    return [told('CalculateExpectedPodCountFailed', `the number of pods is not known: ${problem}`)];
  const events: Action[] = [];
  if (pods.length === 0) events.push(told('NoPods', 'no pods match the selector', 'Normal'));
  if (scale.known && scale.unmanaged.length > 0) {
    const names = scale.unmanaged.slice(0, 3).join(', ');
    const message = `${scale.unmanaged.length} pods have no owner and do not count (${names}): give minAvailable as a number to count them`;
    events.push(told('UnmanagedPods', message));
  }
  return events;
}

function overdueEvent(budget: PodDisruptionBudget, pod: Pod): Action {
  const message = `the pod was to be deleted by leave of the budget ${objectKey(budget)}, but it was not`;
  return act.event(
    podType,
    { reason: 'NotDeleted', kind: 'Warning', message, about: { type: podType, object: pod } },
    { code: 'NotDeleted', text: message },
  );
}

/** Evictions by the node are not taken back: it may take as long as it likes. */
function isSpared({ metadata, status }: Pod): string | undefined {
  const condition = findCondition(status?.conditions, disruptionTarget);
  const hasEnded = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  const counts = condition?.status === 'True' && condition.reason !== 'TerminationByKubelet';
  return counts && !hasEnded && metadata.deletionTimestamp === undefined ? condition.lastTransitionTime : undefined;
}

/** Whether the pod was told that it would be deleted, and nobody does. */
export function waitsForDeletion(pod: Pod): boolean {
  return isSpared(pod) !== undefined;
}

function reconcilePod(pod: Pod, { nowMs, timestamp }: Observed): Reconciliation {
  const since = isSpared(pod);
  if (since === undefined) return { actions: [] };
  const leftMs = (timestampMs(since) ?? 0) + disruptionTimeoutMs - nowMs;
  if (leftMs > 0) return { actions: [], requeueAfterMs: leftMs };
  const before = findCondition(pod.status?.conditions, disruptionTarget);
  const conditions = [{ ...before, status: 'False', lastTransitionTime: timestamp }];
  const text = 'it was said that the pod would be deleted, but nobody did';
  const cause = { code: 'NotDeleted', text };
  const patch = { type: 'strategic', body: { status: { conditions } } } as const;
  return { actions: [act.patch(podType, pod, patch, { subresource: 'status', cause })] };
}

export function reconcile(observed: Observed): Reconciliation {
  const { subject: budget, spared } = observed;
  if (budget === undefined) return spared === undefined ? { actions: [] } : reconcilePod(spared, observed);
  const plan = planOf(observed, budget);
  const events = jsonEqual(plan.status, budget.status) ? [] : eventsOf(observed, plan);
  const nextMs = plan.problem === undefined ? plan.disrupted.nextMs : problemRetryMs;
  return {
    actions: [...plan.disrupted.overdue.map((pod) => overdueEvent(budget, pod)), ...events],
    requeueAfterMs: nextMs === undefined ? undefined : nextMs + 1,
  };
}

/** Also of a budget that is being deleted: evictions heed it until it is gone. */
export function statusPlan(observed: Observed): StatusPlan<PodDisruptionBudget> | undefined {
  const { subject: budget } = observed;
  if (budget === undefined) return undefined;
  return { status: planOf(observed, budget).status };
}

/** How many pods of a Job run: which are made, which go, and what that waits for. */
import { act, type Action } from '@timonel/sdk/controller';
import { deletionOrder } from '@timonel/sdk/controller/replicas';
import { pods as podType, type Job, type Pod } from '@timonel/sdk/kube';
import { delayMs, longestDelayMs, remainingMs } from './back-off.ts';
import { completionIndex, earlierFailures, endedAtMs, isIndexed, replacesOnlyEnded } from './job-pods.ts';
import { newPod } from './new-pod.ts';
import type { Observed, Progress } from './progress.ts';
import { burst, removals } from './removal.ts';
import { isSuspended } from './verdict.ts';

export interface Managed {
  readonly actions: readonly Action[];
  /** Pods are to be made, after this time. */
  readonly waitMs?: number;
}

const nothing: Managed = { actions: [] };

export function wantedActive({ spec }: Job, { active, succeeded }: Progress): number {
  const { parallelism = 1, completions } = spec;
  if (completions !== undefined) return Math.max(0, Math.min(parallelism, completions - succeeded));
  // One success says that the work is done: those that run may end, none is made any more.
  return succeeded > 0 ? active.length : parallelism;
}

/** Pods of foreign or ended indexes, and all but the best of each index. */
function misplaced(job: Job, { active, succeededIndexes, failedIndexes }: Progress, nowMs: number): Pod[] {
  if (!isIndexed(job)) return [];
  const isOver = (index: number): boolean => succeededIndexes.has(index) || failedIndexes.has(index);
  const best = new Map<number, Pod>();
  for (const pod of deletionOrder(active, active, nowMs)) {
    const index = completionIndex(pod, job);
    if (index !== undefined && !isOver(index)) best.set(index, pod);
  }
  const kept = new Set(best.values());
  return active.filter((pod) => !kept.has(pod));
}

function surplusOf(job: Job, progress: Progress, wanted: number, nowMs: number): Pod[] {
  const { active } = progress;
  const first = misplaced(job, progress, nowMs);
  const gone = new Set(first);
  const left = active.filter((pod) => !gone.has(pod));
  const more = Math.max(0, left.length - wanted);
  return [...first, ...(more === 0 ? [] : deletionOrder(left, left, nowMs).slice(0, more))];
}

function creation(job: Job, pod: Pod, text: string): Action {
  return act.create(podType, pod, {
    cause: { code: 'TooFewPods', text },
    event: {
      reason: 'SuccessfulCreate',
      message: ({ metadata }) => `Created pod: ${metadata.name}`,
      failure: { reason: 'FailedCreate', message: 'Error creating: ' },
    },
  });
}

/** How long the next pod of an index waits for the failures of those before it. */
function waitOfIndex(predecessor: Pod | undefined, nowMs: number): number {
  if (predecessor === undefined) return 0;
  const { counted, ignored } = earlierFailures(predecessor);
  const endedMs = endedAtMs(predecessor);
  // So far ahead no clock is believed.
  return endedMs > nowMs + longestDelayMs ? 0 : endedMs + delayMs(counted + ignored + 1) - nowMs;
}

interface Choice {
  readonly indexes: readonly number[];
  readonly waitMs: number;
}

/** The first indexes without a pod; where each has a back-off of its own, those whose is over. */
function chooseIndexes(job: Job, progress: Progress, count: number, nowMs: number): Choice {
  const { succeededIndexes, failedIndexes, takenIndexes, predecessors } = progress;
  const closed = succeededIndexes.union(failedIndexes).union(takenIndexes);
  const first = closed.firstMissing(count, job.spec.completions ?? 0);
  const waits = first.map((index) => waitOfIndex(predecessors.get(index), nowMs));
  return { indexes: first.filter((_, at) => (waits[at] ?? 0) <= 0), waitMs: Math.min(...waits.filter((ms) => ms > 0)) };
}

function create(job: Job, observed: Observed, progress: Progress, missing: number): Managed {
  const { nowMs } = observed;
  const perIndex = job.spec.backoffLimitPerIndex !== undefined;
  const waitMs = perIndex ? 0 : remainingMs(observed.failures, nowMs);
  if (waitMs > 0) return { actions: [], waitMs };
  const count = Math.min(missing, burst);
  const text = `${missing} more should run`;
  if (!isIndexed(job)) {
    return { actions: Array.from({ length: count }, () => creation(job, newPod(job), text)) };
  }
  const choice = chooseIndexes(job, progress, count, nowMs);
  const actions = choice.indexes.map((index) =>
    creation(job, newPod(job, index, progress.predecessors.get(index)), text),
  );
  return Number.isFinite(choice.waitMs) ? { actions, waitMs: choice.waitMs } : { actions };
}

/** Either removes pods or makes some. */
export function manage(job: Job, observed: Observed, progress: Progress): Managed {
  const { active, terminating } = progress;
  if (isSuspended(job)) {
    return { actions: removals(active, { code: 'Suspended', text: 'the job is suspended' }) };
  }
  const wanted = wantedActive(job, progress);
  const surplus = surplusOf(job, progress, wanted, observed.nowMs);
  if (surplus.length > 0) {
    const text = `${active.length} run, ${wanted} should`;
    return { actions: removals(surplus, { code: 'TooManyPods', text }) };
  }
  const missing = wanted - active.length - (replacesOnlyEnded(job) ? terminating : 0);
  return missing > 0 ? create(job, observed, progress, missing) : nothing;
}

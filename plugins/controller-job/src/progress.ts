/** How far a Job is: what its pods and its status say together. */
import { isPodActive, isPodReady, isPodTerminating, type Observation } from '@timonel/sdk/controller';
import type { Job, JobStatus, Pod } from '@timonel/sdk/kube';
import { IndexSet } from './index-set.ts';
import type { Failures } from './back-off.ts';
import { completionIndex, earlierFailures, hasFailed, hasSucceeded, isIndexed, isTracked } from './job-pods.ts';
import { failureVerdict } from './policies.ts';

export interface Observed extends Observation<Job> {
  /** Those that the job controls and selects, as they are or were at the time of the job's last state. */
  readonly pods: readonly Pod[];
  readonly adopt: readonly Pod[];
  readonly release: readonly Pod[];
  /** Pods with the finalizer that no job waits for. */
  readonly strays: readonly Pod[];
  /** Failures in a row, also of pods that are gone. */
  readonly failures: Failures;
}

export interface Progress {
  readonly active: readonly Pod[];
  readonly ready: number;
  readonly terminating: number;
  /** Pods that have ended, whether the status holds them already or not. */
  readonly succeeded: number;
  readonly failed: number;
  /** Ended, and to be put among `uncountedTerminatedPods`. */
  readonly newlySucceeded: readonly Pod[];
  readonly newlyFailed: readonly Pod[];
  /** The status holds their end, or does not care for it: they may lose the finalizer. */
  readonly counted: readonly Pod[];
  readonly succeededIndexes: IndexSet;
  readonly failedIndexes: IndexSet;
  /** Indexes whose pods run or terminate such that no other may be made. */
  readonly takenIndexes: IndexSet;
  /** The failed pod of an index that waits for its successor, who must know of its failures. */
  readonly predecessors: ReadonlyMap<number, Pod>;
}

/** What the job has been decided to come to: then all its pods end. */
export type Closing = 'success' | 'failure' | undefined;

/** The status takes up at most so many ends at a time. */
export const uncountedLimit = 500;

const uidOf = ({ metadata }: Pod): string => metadata.uid ?? '';

export function uncountedOf(status: JobStatus | undefined): { succeeded: Set<string>; failed: Set<string> } {
  const { succeeded = [], failed = [] } = status?.uncountedTerminatedPods ?? {};
  return { succeeded: new Set(succeeded), failed: new Set(failed) };
}

function indexesOf(job: Job, pods: readonly Pod[]): number[] {
  return pods.flatMap((pod) => completionIndex(pod, job) ?? []);
}

function failsItsIndex(job: Job, pod: Pod): boolean {
  if (!hasFailed(pod, job)) return false;
  const { action, counts } = failureVerdict(job, pod);
  if (action === 'FailIndex') return true;
  return counts && earlierFailures(pod).counted >= (job.spec.backoffLimitPerIndex ?? Number.POSITIVE_INFINITY);
}

interface Indexes {
  readonly succeeded: IndexSet;
  readonly failed: IndexSet;
  readonly taken: IndexSet;
  readonly predecessors: ReadonlyMap<number, Pod>;
}

const noIndexes: Indexes = {
  succeeded: IndexSet.empty,
  failed: IndexSet.empty,
  taken: IndexSet.empty,
  predecessors: new Map(),
};

/** Of the failed pods of each index that is open still, the one that knows of most failures. */
function predecessorsOf(job: Job, tracked: readonly Pod[], closed: IndexSet): Map<number, Pod> {
  const found = new Map<number, Pod>();
  for (const pod of tracked) {
    const index = hasFailed(pod, job) ? completionIndex(pod, job) : undefined;
    if (index === undefined || closed.has(index)) continue;
    const before = found.get(index);
    if (before === undefined || rank(pod) > rank(before)) found.set(index, pod);
  }
  return found;
}

function rank(pod: Pod): number {
  const { counted, ignored } = earlierFailures(pod);
  return counted + ignored;
}

function indexesIn(job: Job, pods: readonly Pod[], active: readonly Pod[], closing: Closing): Indexes {
  if (!isIndexed(job)) return noIndexes;
  const { completions, backoffLimitPerIndex } = job.spec;
  const tracked = pods.filter(isTracked);
  const { failed: heldAsFailed } = uncountedOf(job.status);
  const done = tracked.filter((pod) => hasSucceeded(pod) && !heldAsFailed.has(uidOf(pod)));
  // An index that has failed stays so, whatever a pod of it does that should not be there.
  const lost = IndexSet.parse(job.status?.failedIndexes, completions);
  const won = indexesOf(job, done).filter((index) => !lost.has(index));
  const succeeded = IndexSet.parse(job.status?.completedIndexes, completions).with(won);
  // Those that are deleted terminate; whether another may be made before they have ended is the policy's matter.
  const terminating = pods.filter((pod) => isPodTerminating(pod) && !hasFailed(pod, job));
  const taken = IndexSet.of(indexesOf(job, [...active, ...terminating]));
  if (backoffLimitPerIndex === undefined) return { ...noIndexes, succeeded, taken };
  // Pods that the end of the job takes along fail no index.
  const failing = closing === undefined ? tracked.filter((pod) => failsItsIndex(job, pod)) : [];
  const failed = lost.with(indexesOf(job, failing).filter((index) => !succeeded.has(index)));
  const closed = succeeded.union(failed).with(indexesOf(job, active));
  return { succeeded, failed, taken, predecessors: predecessorsOf(job, tracked, closed) };
}

interface Ends {
  readonly newlySucceeded: Pod[];
  readonly newlyFailed: Pod[];
  readonly counted: Pod[];
}

/** Those of which the status says how they ended. */
function decidedIndexes({ spec, status }: Job): IndexSet {
  const { completedIndexes, failedIndexes } = status ?? {};
  return IndexSet.parse(completedIndexes, spec.completions).union(IndexSet.parse(failedIndexes, spec.completions));
}

type End = 'open' | keyof Ends;

/** Of a pod with the finalizer whose uid the status does not hold. */
function endOf(job: Job, pod: Pod, closing: Closing, { predecessors }: Indexes, decided: IndexSet): End {
  const index = completionIndex(pod, job);
  const isForeign = isIndexed(job) && index === undefined;
  if (hasSucceeded(pod)) return isForeign || (index !== undefined && decided.has(index)) ? 'counted' : 'newlySucceeded';
  const isHeld = closing === undefined && index !== undefined && predecessors.get(index) === pod;
  // A job that failed fails its pods; one that succeeded has no use for them any more.
  const fails = closing === 'failure' || hasFailed(pod, job);
  if (!fails || isHeld) return closing === 'success' && !isPodActive(pod) ? 'counted' : 'open';
  return isForeign || !failureVerdict(job, pod).counts ? 'counted' : 'newlyFailed';
}

function endsOf(job: Job, pods: readonly Pod[], indexes: Indexes, closing: Closing): Ends {
  const ends: Ends = { newlySucceeded: [], newlyFailed: [], counted: [] };
  const uncounted = uncountedOf(job.status);
  const decided = isIndexed(job) ? decidedIndexes(job) : IndexSet.empty;
  for (const pod of pods.filter(isTracked)) {
    const isTakenUp = uncounted.succeeded.has(uidOf(pod)) || uncounted.failed.has(uidOf(pod));
    const end = isTakenUp ? 'counted' : endOf(job, pod, closing, indexes, decided);
    if (end !== 'open') ends[end].push(pod);
  }
  return ends;
}

export function progressOf(job: Job, pods: readonly Pod[], closing?: Closing): Progress {
  const active = pods.filter(isPodActive);
  const indexes = indexesIn(job, pods, active, closing);
  const ends = endsOf(job, pods, indexes, closing);
  const uncounted = uncountedOf(job.status);
  const held = [...indexes.predecessors.values()].filter((pod) => failureVerdict(job, pod).counts);
  const succeededPods = (job.status?.succeeded ?? 0) + uncounted.succeeded.size + ends.newlySucceeded.length;
  return {
    active,
    ready: active.filter(isPodReady).length,
    terminating: pods.filter(isPodTerminating).length,
    succeeded: isIndexed(job) ? indexes.succeeded.size : succeededPods,
    failed: (job.status?.failed ?? 0) + uncounted.failed.size + ends.newlyFailed.length + held.length,
    ...ends,
    succeededIndexes: indexes.succeeded,
    failedIndexes: indexes.failed,
    takenIndexes: indexes.taken,
    predecessors: indexes.predecessors,
  };
}

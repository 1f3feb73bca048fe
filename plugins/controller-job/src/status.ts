/** The status of a Job after a pass. */
import { setCondition, type ActionEvent, type Outcome, type StatusPlan } from '@timonel/sdk/controller';
import { pods as podType, type Condition, type Job, type JobStatus, type Pod } from '@timonel/sdk/kube';
import { finishedCondition, isIndexed, isTracked } from './job-pods.ts';
import { longestSleepMs } from './reconcile.ts';
import { progressOf, uncountedLimit, uncountedOf, type Observed, type Progress } from './progress.ts';
import { closingOf, decidedVerdict, hasCompleted, isSuspended, newVerdict, untilDeadlineMs } from './verdict.ts';

interface Pass {
  readonly job: Job;
  readonly observed: Observed;
  readonly progress: Progress;
  readonly outcome: Outcome;
}

const uidOf = ({ metadata }: Pod): string => metadata.uid ?? '';

/** Pods that a pass has written or deleted, by uid. */
function donePods({ answers }: Outcome, verb: 'create' | 'patch' | 'delete'): Set<string> {
  const done = new Set<string>();
  for (const [action, answer] of answers) {
    if (action.do !== verb || action.type !== podType) continue;
    done.add((verb === 'create' ? answer.metadata.uid : 'object' in action ? action.object.metadata.uid : '') ?? '');
  }
  return done;
}

function withCondition(conditions: readonly Condition[], verdict: Condition, timestamp: string): Condition[] {
  return setCondition(conditions, { ...verdict, lastProbeTime: timestamp }, timestamp);
}

/** Ends move from pods to uids, and from uids whose pods have lost the finalizer to the numbers. */
function countsOf({ job, observed, progress, outcome }: Pass): Partial<JobStatus> {
  const { status } = job;
  const uncounted = uncountedOf(status);
  const untracked = donePods(outcome, 'patch');
  const waits = new Set(observed.pods.filter((pod) => isTracked(pod) && !untracked.has(uidOf(pod))).map(uidOf));
  const kept = (uids: Set<string>): string[] => [...uids].filter((uid) => waits.has(uid));
  const succeeded = kept(uncounted.succeeded);
  const failed = kept(uncounted.failed);
  const numbers = {
    succeeded: (status?.succeeded ?? 0) + uncounted.succeeded.size - succeeded.length,
    failed: (status?.failed ?? 0) + uncounted.failed.size - failed.length,
  };
  const room = (): number => uncountedLimit - succeeded.length - failed.length;
  const isIndexedJob = isIndexed(job);
  if (!isIndexedJob) succeeded.push(...progress.newlySucceeded.slice(0, room()).map(uidOf));
  failed.push(...progress.newlyFailed.slice(0, room()).map(uidOf));
  const { size } = progress.succeededIndexes;
  return {
    succeeded: isIndexedJob ? size : numbers.succeeded,
    failed: numbers.failed,
    uncountedTerminatedPods: {
      ...(succeeded.length === 0 ? {} : { succeeded }),
      ...(failed.length === 0 ? {} : { failed }),
    },
    ...(isIndexedJob && size > 0 ? { completedIndexes: progress.succeededIndexes.toString() } : {}),
    ...(job.spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: progress.failedIndexes.toString() }),
  };
}

function activeOf({ progress, outcome }: Pass): Pick<JobStatus, 'active' | 'ready'> {
  const deleted = donePods(outcome, 'delete');
  const left = progress.active.filter((pod) => !deleted.has(uidOf(pod)));
  const readyGone = progress.active.length === left.length ? 0 : readyOf(progress.active) - readyOf(left);
  return { active: left.length + donePods(outcome, 'create').size, ready: progress.ready - readyGone };
}

function readyOf(pods: readonly Pod[]): number {
  return pods.filter(({ status }) =>
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
  ).length;
}

/** Nothing is left to wait for: no pod runs, terminates or is to be counted. */
function isSettled({ progress }: Pass, { active, uncountedTerminatedPods }: Partial<JobStatus>): boolean {
  const { succeeded = [], failed = [] } = uncountedTerminatedPods ?? {};
  const isEmpty = succeeded.length + failed.length === 0;
  const isTakenUp = progress.newlySucceeded.length + progress.newlyFailed.length === 0;
  return isEmpty && isTakenUp && active === 0 && progress.terminating === 0;
}

interface Verdicts {
  readonly conditions: Condition[];
  readonly events: ActionEvent[];
  readonly completionTime?: string;
}

function finalCondition(pass: Pass, conditions: Condition[], counts: Partial<JobStatus>): Verdicts {
  const { job, observed } = pass;
  const decided = decidedVerdict(job);
  if (decided === undefined || !isSettled(pass, counts)) return { conditions, events: [] };
  const { reason = '', message = '' } = decided;
  const isComplete = decided.type === 'SuccessCriteriaMet';
  const type = isComplete ? 'Complete' : 'Failed';
  const ended = withCondition(conditions, { type, status: 'True', reason, message }, observed.timestamp);
  if (!isComplete) return { conditions: ended, events: [{ kind: 'Warning', reason, message }] };
  const { completions } = job.spec;
  const surplus = completions !== undefined && (counts.succeeded ?? 0) > completions;
  const events: ActionEvent[] = [{ reason: 'Completed', message: 'Job completed' }];
  if (surplus) {
    const text = 'Too many succeeded pods running after completion count reached';
    events.push({ kind: 'Warning', reason: 'TooManySucceededPods', message: text });
  }
  return { conditions: ended, events, completionTime: observed.timestamp };
}

/** Suspended, and what the job has come to. */
function verdictsOf(pass: Pass, counts: Partial<JobStatus>): Verdicts {
  const { job, observed, progress } = pass;
  const { timestamp } = observed;
  const before = job.status?.conditions ?? [];
  const verdict = newVerdict(job, observed.pods, progress, observed.nowMs);
  if (verdict !== undefined) {
    return { conditions: withCondition(before, { ...verdict, status: 'True' }, timestamp), events: [] };
  }
  if (decidedVerdict(job) !== undefined) return finalCondition(pass, [...before], counts);
  const was = before.find(({ type }) => type === 'Suspended')?.status === 'True';
  if (hasCompleted(job, progress) || was === isSuspended(job)) return { conditions: [...before], events: [] };
  const [reason, message, event] = was
    ? ['JobResumed', 'Job resumed', 'Resumed']
    : ['JobSuspended', 'Job suspended', 'Suspended'];
  const condition: Condition = { type: 'Suspended', status: was ? 'False' : 'True', reason, message };
  return {
    conditions: withCondition(before, condition, timestamp),
    events: [{ reason: event, message }],
  };
}

function startTimeOf({ job, observed }: Pass, events: readonly ActionEvent[]): string | undefined {
  const isResumed = events.some(({ reason }) => reason === 'Resumed');
  const before = job.status?.startTime;
  if (isResumed || (before === undefined && !isSuspended(job))) return observed.timestamp;
  return before;
}

const unlessZero = (name: 'active' | 'succeeded' | 'failed', value: number | undefined): Partial<JobStatus> =>
  value === undefined || value === 0 ? {} : { [name]: value };

export function planStatus(observed: Observed, outcome: Outcome): StatusPlan<Job> | undefined {
  const { subject: job } = observed;
  if (job === undefined || finishedCondition(job) !== undefined) return undefined;
  const progress = progressOf(job, observed.pods, closingOf(job));
  const pass: Pass = { job, observed, progress, outcome };
  const counts = { ...countsOf(pass), ...activeOf(pass) };
  const { conditions, events, completionTime } = verdictsOf(pass, counts);
  const startTime = startTimeOf(pass, events);
  const { active, succeeded, failed, ...others } = counts;
  const status: JobStatus = {
    ...(conditions.length === 0 ? {} : { conditions }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completionTime === undefined ? {} : { completionTime }),
    ...unlessZero('active', active),
    ...unlessZero('succeeded', succeeded),
    ...unlessZero('failed', failed),
    terminating: progress.terminating,
    ...others,
  };
  const next = { ...job, status };
  const deadlineMs = decidedVerdict(next) === undefined ? untilDeadlineMs(next, observed.nowMs) : undefined;
  return {
    status,
    events,
    requeueAfterMs: deadlineMs === undefined ? undefined : Math.max(0, Math.min(deadlineMs, longestSleepMs)),
  };
}

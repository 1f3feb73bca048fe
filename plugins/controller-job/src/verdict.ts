/** What a Job comes to, and when that is decided: first a condition that says so, then the pods end, then the final condition. */
import { findCondition, timestampMs } from '@timonel/sdk/controller';
import type { Condition, Job, Pod } from '@timonel/sdk/kube';
import { finishedCondition, hasFailed, isIndexed, restartsOf } from './job-pods.ts';
import { failureVerdict, successPolicyMet } from './policies.ts';
import type { Closing, Progress } from './progress.ts';

export type Verdict = Required<Pick<Condition, 'type' | 'reason' | 'message'>>;

export function isSuspended({ spec }: Job): boolean {
  return spec.suspend === true;
}

/** The interim condition that the status holds: it stands, whatever happens afterwards. */
export function decidedVerdict({ status }: Job): Condition | undefined {
  const met = findCondition(status?.conditions, 'SuccessCriteriaMet');
  if (met?.status === 'True') return met;
  const target = findCondition(status?.conditions, 'FailureTarget');
  return target?.status === 'True' ? target : undefined;
}

export function closingOf(job: Job): Closing {
  const decided = decidedVerdict(job);
  if (decided === undefined) return undefined;
  return decided.type === 'SuccessCriteriaMet' ? 'success' : 'failure';
}

const failure = (reason: string, message: string): Verdict => ({ type: 'FailureTarget', reason, message });
const success = (reason: string, message: string): Verdict => ({ type: 'SuccessCriteriaMet', reason, message });

function byFailurePolicy(job: Job, pods: readonly Pod[]): Verdict | undefined {
  if (job.spec.podFailurePolicy === undefined) return undefined;
  for (const pod of pods) {
    const message = hasFailed(pod, job) ? failureVerdict(job, pod).message : undefined;
    if (message !== undefined) return failure('PodFailurePolicy', message);
  }
  return undefined;
}

/** Pods that restart their containers by themselves fail by restarts. */
function exceedsRestarts({ spec }: Job, { active }: Progress, limit: number): boolean {
  if (spec.template.spec.restartPolicy !== 'OnFailure') return false;
  const restarts = active.reduce((sum, pod) => sum + restartsOf(pod), 0);
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** ms until the deadline of the job; undefined when none runs. */
export function untilDeadlineMs(job: Job, nowMs: number): number | undefined {
  const startMs = timestampMs(job.status?.startTime);
  const { activeDeadlineSeconds } = job.spec;
  if (activeDeadlineSeconds === undefined || startMs === undefined || isSuspended(job)) return undefined;
  return startMs + activeDeadlineSeconds * 1000 - nowMs;
}

function byIndexes({ spec }: Job, { failedIndexes, succeededIndexes }: Progress): Verdict | undefined {
  const { size } = failedIndexes;
  if (spec.backoffLimitPerIndex === undefined || size === 0) return undefined;
  if (spec.maxFailedIndexes !== undefined && size > spec.maxFailedIndexes) {
    return failure('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
  }
  const isOver = size + succeededIndexes.size >= (spec.completions ?? 0);
  return isOver ? failure('FailedIndexes', 'Job has failed indexes') : undefined;
}

function byFailures(job: Job, pods: readonly Pod[], progress: Progress, nowMs: number): Verdict | undefined {
  const policy = byFailurePolicy(job, pods);
  if (policy !== undefined) return policy;
  const limit = job.spec.backoffLimit ?? 6;
  if (progress.failed > limit || exceedsRestarts(job, progress, limit)) {
    return failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  if ((untilDeadlineMs(job, nowMs) ?? 1) <= 0) {
    return failure('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  return isIndexed(job) ? byIndexes(job, progress) : undefined;
}

/** Enough pods have succeeded. Those that run still may end by themselves, unless the success policy says otherwise. */
export function hasCompleted({ spec }: Job, { succeeded }: Progress): boolean {
  return spec.completions === undefined ? succeeded > 0 : succeeded >= spec.completions;
}

/** What the job has just come to. Undefined: it goes on, or was decided or over before. */
export function newVerdict(job: Job, pods: readonly Pod[], progress: Progress, nowMs: number): Verdict | undefined {
  if (decidedVerdict(job) !== undefined || finishedCondition(job) !== undefined) return undefined;
  const failed = byFailures(job, pods, progress, nowMs);
  if (failed !== undefined) return failed;
  const policy = isIndexed(job) ? successPolicyMet(job, progress.succeededIndexes) : undefined;
  if (policy !== undefined) return success('SuccessPolicy', policy);
  const isComplete = hasCompleted(job, progress) && progress.active.length === 0;
  return isComplete ? success('CompletionsReached', 'Reached expected number of succeeded pods') : undefined;
}

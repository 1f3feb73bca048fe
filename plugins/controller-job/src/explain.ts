/** What keeps a Job from being complete, for `timonel why`. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { findCondition, podWaitCauses } from '@timonel/sdk/controller';
import type { Job, Pod } from '@timonel/sdk/kube';
import { remainingMs } from './back-off.ts';
import { finishedCondition } from './job-pods.ts';
import { manage, wantedActive } from './manage.ts';
import { progressOf, type Observed } from './progress.ts';
import { decidedVerdict, isSuspended } from './verdict.ts';

const component = 'controller-job';

function cause(code: string, text: string, unblock?: string): Cause {
  return { component, code, text, ...(unblock === undefined ? {} : { unblock }) };
}

/** How pods failed; the most frequent first. */
function failures(pods: readonly Pod[]): Cause[] {
  return podWaitCauses(
    component,
    pods.filter(({ status }) => status?.phase === 'Failed'),
  );
}

function ofFailed({ status, spec }: Job, pods: readonly Pod[]): Cause[] {
  const { reason = 'Failed', message = '' } = findCondition(status?.conditions, 'Failed') ?? {};
  const hints: Readonly<Record<string, string>> = {
    BackoffLimitExceeded: `look at the logs of the failed pods; more failures than ${spec.backoffLimit ?? 6} need a greater spec.backoffLimit`,
    DeadlineExceeded: `the job needs more than its spec.activeDeadlineSeconds of ${spec.activeDeadlineSeconds ?? 0}`,
  };
  return [cause(reason, message, hints[reason]), ...failures(pods)];
}

function ofRunning(job: Job, observed: Observed): Cause[] {
  const progress = progressOf(job, observed.pods);
  const { active, ready, terminating, succeeded, failed } = progress;
  const { completions } = job.spec;
  const causes: Cause[] = [];
  const waitMs = remainingMs(observed.failures, observed.nowMs);
  const { waitMs: anyWaitMs = waitMs } = manage(job, observed, progress);
  if (anyWaitMs > 0 && active.length < wantedActive(job, progress)) {
    const seconds = Math.ceil(anyWaitMs / 1000);
    causes.push(
      cause('BackOff', `pods failed: the next one is made in ${seconds} s`, 'look at the logs of the failed pods'),
      ...failures(observed.pods),
    );
  }
  causes.push(...podWaitCauses(component, active));
  const of = completions === undefined ? '' : ` of ${completions}`;
  const unready = active.length - ready;
  const state = `${active.length} run${unready > 0 ? ` (${unready} not ready)` : ''}, ${failed} failed, ${terminating} terminate`;
  causes.push(cause('Running', `${succeeded}${of} succeeded: ${state}`));
  return causes;
}

export function explain(observed: Observed): readonly Cause[] {
  const { subject: job, pods } = observed;
  if (job === undefined || finishedCondition(job) === 'Complete') return [];
  if (finishedCondition(job) === 'Failed') return ofFailed(job, pods);
  const decided = decidedVerdict(job);
  if (decided !== undefined) {
    const left = pods.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed').length;
    return [cause(decided.reason ?? '', `${decided.message ?? ''}: ${left} pods have yet to end`)];
  }
  if (isSuspended(job)) return [cause('Suspended', 'the job is suspended', 'set spec.suspend to false')];
  return ofRunning(job, observed);
}

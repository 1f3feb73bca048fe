/**
 * What a Job needs: a pure function from what was observed to the actions to take. A pod goes through three steps, each of which may be
 * the last before a crash: it ends; the status takes its uid up; it loses the finalizer, and the status counts it. No pod is counted
 * twice, and none is lost.
 */
import { claimActions, type Action, type Reconciliation } from '@timonel/sdk/controller';
import { jobs, pods as podType, type Job } from '@timonel/sdk/kube';
import { finishedCondition, trackingFinalizer } from './job-pods.ts';
import { manage } from './manage.ts';
import { progressOf, type Observed } from './progress.ts';
import { burst, deletion, removals, untrack } from './removal.ts';
import { closingOf, decidedVerdict, newVerdict, untilDeadlineMs } from './verdict.ts';

/** Adopted pods get the finalizer, released ones lose it. */
function claims(job: Job, { adopt, release }: Observed): Action[] {
  return claimActions(podType, { owned: [], adopt, release }, job, jobs).map((action) => {
    if (action.do !== 'update') return action;
    const { next } = action;
    const others = (next.metadata.finalizers ?? []).filter((name) => name !== trackingFinalizer);
    const isAdoption = adopt.some(({ metadata }) => metadata.uid === next.metadata.uid);
    const finalizers = isAdoption ? [...others, trackingFinalizer] : others;
    return { ...action, next: { ...next, metadata: { ...next.metadata, finalizers } } };
  });
}

/** Clocks may jump: nobody sleeps longer before looking at them. */
export const longestSleepMs = 60_000;

/** After the verdict: no pod goes on. */
function close(job: Job, observed: Observed): Reconciliation {
  const decided = decidedVerdict(job);
  const { active, counted } = progressOf(job, observed.pods, closingOf(job));
  const cause = { code: decided?.reason ?? '', text: decided?.message ?? '' };
  const released = counted.map((pod) => untrack(pod, { code: 'Counted', text: 'its end is in the status' }));
  const isFailure = closingOf(job) === 'failure';
  // Pods of a job that failed count as failed, so they keep the finalizer until the status holds them.
  const removed = isFailure ? active.slice(0, burst).map((pod) => deletion(pod, cause)) : removals(active, cause);
  return { actions: [...released, ...removed] };
}

export function reconcile(observed: Observed): Reconciliation {
  const { subject: job, pods, strays, nowMs } = observed;
  const freed = strays.map((pod) => untrack(pod, { code: 'NobodyCounts', text: 'no job waits for its end' }));
  if (job === undefined || finishedCondition(job) !== undefined || freed.length > 0) return { actions: freed };
  const claimed = claims(job, observed);
  if (claimed.length > 0) return { actions: claimed };
  if (decidedVerdict(job) !== undefined) return close(job, observed);
  const progress = progressOf(job, pods);
  // First the status says what the job comes to.
  if (newVerdict(job, pods, progress, nowMs) !== undefined) return { actions: [] };
  const counted = progress.counted.map((pod) => untrack(pod, { code: 'Counted', text: 'its end is in the status' }));
  const { actions, waitMs } = manage(job, observed, progress);
  const times = [waitMs, untilDeadlineMs(job, nowMs)].filter((time) => time !== undefined);
  return {
    actions: [...counted, ...actions],
    requeueAfterMs: times.length === 0 ? undefined : Math.min(...times, longestSleepMs),
  };
}

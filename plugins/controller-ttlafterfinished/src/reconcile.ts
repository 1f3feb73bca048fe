/** When a finished Job goes by itself: `spec.ttlSecondsAfterFinished` after its end. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { act, findCondition, timestampMs, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { jobs, type Job } from '@timonel/sdk/kube';

export type Observed = Observation<Job>;

/** Clocks may jump: nobody sleeps longer before looking at them. */
const longestSleepMs = 60_000;

function finishedAtMs({ status }: Job): number | undefined {
  const ended = ['Complete', 'Failed']
    .map((type) => findCondition(status?.conditions, type))
    .find((condition) => condition?.status === 'True');
  return timestampMs(ended?.lastTransitionTime);
}

/** ms since the epoch; undefined: it stays. */
export function expiresAtMs(job: Job): number | undefined {
  const { ttlSecondsAfterFinished } = job.spec;
  const endMs = finishedAtMs(job);
  // A manifest may hold a null, which says nothing.
  if (typeof ttlSecondsAfterFinished !== 'number' || endMs === undefined) return undefined;
  return job.metadata.deletionTimestamp === undefined ? endMs + ttlSecondsAfterFinished * 1000 : undefined;
}

export function reconcile({ subject: job, nowMs }: Observed): Reconciliation {
  const atMs = job === undefined ? undefined : expiresAtMs(job);
  if (job === undefined || atMs === undefined) return { actions: [] };
  if (nowMs < atMs) return { actions: [], requeueAfterMs: Math.min(atMs - nowMs, longestSleepMs) };
  const text = `it ended ${job.spec.ttlSecondsAfterFinished} s ago or more`;
  const options = { propagationPolicy: 'Foreground' } as const;
  return { actions: [act.delete(jobs, job, { options, cause: { code: 'TtlExpired', text } })] };
}

export function explain({ subject: job, nowMs }: Observed): readonly Cause[] {
  const atMs = job === undefined ? undefined : expiresAtMs(job);
  if (atMs === undefined) return [];
  const seconds = Math.max(0, Math.ceil((atMs - nowMs) / 1000));
  const text = `it is deleted in ${seconds} s: spec.ttlSecondsAfterFinished`;
  return [{ component: 'controller-ttlafterfinished', code: 'TtlAfterFinished', text }];
}

/** Cron jobs of 1 January 2026 and their jobs, for tests. */
import { timestampOf, type CronJob, type Job } from '@timonel/sdk/kube';
import type { Observed } from '../observe.ts';
import { jobFor } from '../reconcile.ts';

export const minuteMs = 60_000;
export const atMs = (text: string): number => Date.parse(`2026-01-01T${text}Z`);

export function cron(spec: Partial<CronJob['spec']> = {}, status: CronJob['status'] = {}): CronJob {
  return {
    metadata: { name: 'tick', namespace: 'default', uid: 'cron-uid', creationTimestamp: '2026-01-01T00:00:30Z' },
    spec: {
      schedule: '*/10 * * * *',
      concurrencyPolicy: 'Allow',
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { metadata: { labels: { a: 'b' } }, spec: { template: { spec: { containers: [] } } } },
      ...spec,
    },
    status,
  };
}

export function job(text: string, end?: 'Complete' | 'Failed', more: object = {}): Job {
  const made = jobFor(cron(), atMs(text), 'UTC');
  const completionTime = timestampOf(atMs(text) + minuteMs);
  return {
    ...made,
    metadata: { ...made.metadata, uid: `uid-${text}`, creationTimestamp: timestampOf(atMs(text)), ...more },
    status: {
      startTime: timestampOf(atMs(text)),
      ...(end === undefined ? {} : { conditions: [{ type: end, status: 'True' }] }),
      ...(end === 'Complete' ? { completionTime } : {}),
    },
  };
}

export function seen(now: string, subject: CronJob, jobs: readonly Job[] = []): Observed {
  return { subject, jobs, nowMs: atMs(now), timestamp: timestampOf(atMs(now)) };
}

/** What a CronJob asks of its jobs. */
import { findCondition, timestampMs } from '@timonel/sdk/controller';
import type { CronJob, Job } from '@timonel/sdk/kube';

export const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp';

/** How a job ended; undefined: it has not. */
export function endOf({ status }: Job): 'Complete' | 'Failed' | undefined {
  if (findCondition(status?.conditions, 'Complete')?.status === 'True') return 'Complete';
  return findCondition(status?.conditions, 'Failed')?.status === 'True' ? 'Failed' : undefined;
}

/** The time for which the controller made the job, ms since the epoch; undefined: somebody else made it. */
export function scheduledAtMs({ metadata }: Job): number | undefined {
  return timestampMs(metadata.annotations?.[scheduledAnnotation]);
}

/** A name for each minute: to make a job twice is refused. */
export function jobName({ metadata }: CronJob, atMs: number): string {
  return `${metadata.name}-${Math.floor(atMs / 60_000)}`;
}

export function suspended({ spec }: CronJob): boolean {
  return spec.suspend === true;
}

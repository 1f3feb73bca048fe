/** What is looked at for one CronJob. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { withoutNulls, type Informer, type Observation } from '@timonel/sdk/controller';
import { controllerOf, isNotFound, jobs as jobType, type CronJob, type Job } from '@timonel/sdk/kube';

export interface Observed extends Observation<CronJob> {
  /** Those that it controls. */
  readonly jobs: readonly Job[];
}

export interface Inputs {
  readonly cronJobs: Informer<CronJob>;
  readonly jobs: Informer<Job>;
}

/** Jobs that the status names and the cache does not show: it may lag behind that of cron jobs, so the API itself is asked. */
async function unseenJobs(api: ApiClient, cronJob: CronJob, seen: readonly Job[]): Promise<Job[]> {
  const { namespace = '', uid } = cronJob.metadata;
  const known = new Set(seen.map(({ metadata }) => metadata.uid));
  const missing = (cronJob.status?.active ?? []).filter((reference) => !known.has(reference.uid ?? ''));
  const found = missing.map(async ({ name = '' }): Promise<Job[]> => {
    try {
      const job = await api.get(jobType, { namespace, name });
      return controllerOf(job)?.uid === uid && !known.has(job.metadata.uid) ? [job] : [];
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  });
  return (await Promise.all(found)).flat();
}

export async function observe(
  key: string,
  inputs: Inputs,
  now: Pick<Observed, 'nowMs' | 'timestamp'>,
  api: ApiClient,
): Promise<Observed | undefined> {
  const subject = withoutNulls(inputs.cronJobs.get(key));
  if (subject === undefined) return undefined;
  const seen = inputs.jobs.byIndex('controller', subject.metadata.uid ?? '');
  return { ...now, subject, jobs: [...seen, ...(await unseenJobs(api, subject, seen))] };
}

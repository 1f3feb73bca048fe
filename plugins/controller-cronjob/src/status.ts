/** The status of a CronJob after a pass. */
import { timestampMs, type ActionEvent, type Outcome, type StatusPlan } from '@timonel/sdk/controller';
import { jobs as jobType, timestampOf, type CronJob, type Job, type ObjectReference } from '@timonel/sdk/kube';
import { endOf } from './cron-jobs.ts';
import { lastScheduledMs } from './due.ts';
import type { Observed } from './observe.ts';
import { activeJobs } from './reconcile.ts';

function referenceOf({ metadata }: Job): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return {
    kind: 'Job',
    apiVersion: 'batch/v1',
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** What became of jobs that the status named as running. */
function endings({ subject, jobs }: Observed): ActionEvent[] {
  const byUid = new Map(jobs.map((job) => [job.metadata.uid, job]));
  return (subject?.status?.active ?? []).flatMap(({ uid, name }): ActionEvent[] => {
    const job = byUid.get(uid ?? '');
    if (job === undefined) return [{ reason: 'MissingJob', message: `Active job went missing: ${name}` }];
    const end = endOf(job);
    return end === undefined
      ? []
      : [{ reason: 'SawCompletedJob', message: `Saw completed job: ${name}, condition: ${end}` }];
  });
}

/** Jobs that the pass made or deleted. */
function written({ answers }: Outcome, verb: 'create' | 'delete'): Job[] {
  return [...answers].flatMap(([action, answer]) => {
    if (action.do !== verb || action.type !== jobType) return [];
    return [(verb === 'create' ? answer : action.object) as Job];
  });
}

function lastSuccess({ subject, jobs }: Observed): string | undefined {
  const times = [subject?.status?.lastSuccessfulTime, ...jobs.map(({ status }) => status?.completionTime)];
  const known = times.flatMap((text) => timestampMs(text) ?? []);
  return known.length === 0 ? undefined : timestampOf(Math.max(...known));
}

export function planStatus(observed: Observed, outcome: Outcome): StatusPlan<CronJob> | undefined {
  const { subject: cronJob, jobs } = observed;
  if (cronJob === undefined || cronJob.metadata.deletionTimestamp !== undefined) return undefined;
  const made = written(outcome, 'create');
  const deleted = new Set(written(outcome, 'delete').map(({ metadata }) => metadata.uid));
  const before = new Map((cronJob.status?.active ?? []).map((reference) => [reference.uid, reference]));
  const running = activeJobs(observed).filter(({ metadata }) => !deleted.has(metadata.uid));
  const active = [...running, ...made].map((job) => before.get(job.metadata.uid ?? '') ?? referenceOf(job));
  const lastMs = lastScheduledMs({ ...observed, jobs: [...jobs, ...made] });
  const lastSuccessfulTime = lastSuccess(observed);
  const gone = endings(observed);
  return {
    status: {
      ...(active.length === 0 ? {} : { active }),
      ...(lastMs === undefined ? {} : { lastScheduleTime: timestampOf(lastMs) }),
      ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
    },
    events: gone,
  };
}

/** What a CronJob needs: the run that is due, and an end of old ones. */
import {
  act,
  timestampMs,
  type Action,
  type ActionCause,
  type ActionEvent,
  type Reconciliation,
} from '@timonel/sdk/controller';
import { zonedTimestamp } from '@timonel/sdk/cron';
import { controllerReference, cronJobs, jobs as jobType, type CronJob, type Job } from '@timonel/sdk/kube';
import { endOf, jobName, scheduledAnnotation, scheduledAtMs, suspended } from './cron-jobs.ts';
import { dueRun, timetableOf, tooManyMissed, type Due } from './due.ts';
import type { Observed } from './observe.ts';

/** Clocks may jump: nobody sleeps longer before looking at them. */
const longestSleepMs = 60_000;

/** The runs that go on: jobs of the controller's making that have not ended. */
export function activeJobs({ subject, jobs }: Observed): Job[] {
  const named = new Set((subject?.status?.active ?? []).map(({ uid }) => uid));
  const isReplaced = ({ metadata }: Job): boolean =>
    subject?.spec.concurrencyPolicy === 'Replace' && metadata.deletionTimestamp !== undefined;
  return jobs
    .filter((job) => endOf(job) === undefined && (scheduledAtMs(job) !== undefined || named.has(job.metadata.uid)))
    .filter((job) => !isReplaced(job))
    .toSorted((a, b) => startedMs(a) - startedMs(b) || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
}

function startedMs({ metadata, status }: Job): number {
  return timestampMs(status?.startTime) ?? timestampMs(metadata.creationTimestamp) ?? 0;
}

export function jobFor(cronJob: CronJob, atMs: number, zone: string): Job {
  const { metadata = {}, spec } = cronJob.spec.jobTemplate;
  const { namespace } = cronJob.metadata;
  return {
    metadata: {
      name: jobName(cronJob, atMs),
      ...(namespace === undefined ? {} : { namespace }),
      ...(metadata.labels === undefined ? {} : { labels: { ...metadata.labels } }),
      annotations: { ...metadata.annotations, [scheduledAnnotation]: zonedTimestamp(zone, atMs) },
      ...(metadata.finalizers === undefined ? {} : { finalizers: [...metadata.finalizers] }),
      ownerReferences: [controllerReference(cronJob, cronJobs)],
    },
    spec,
  };
}

function deletion(job: Job, cause: ActionCause, independent: boolean): Action {
  const event = {
    reason: 'SuccessfulDelete',
    message: `Deleted job ${job.metadata.name}`,
    failure: { reason: 'FailedDelete', message: 'Deleted job: ' },
  };
  return act.delete(jobType, job, { cause, event, independent, options: { propagationPolicy: 'Background' } });
}

/** The oldest of those beyond the limit. */
function expired(ended: readonly Job[], limit: number | undefined): Job[] {
  if (limit === undefined) return [];
  const inOrder = ended.toSorted(
    (a, b) => startedMs(a) - startedMs(b) || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1),
  );
  return inOrder.slice(0, Math.max(0, ended.length - limit));
}

function history({ subject, jobs }: Observed): Action[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = subject?.spec ?? {};
  const of = (end: string): Job[] =>
    jobs.filter((job) => endOf(job) === end && job.metadata.deletionTimestamp === undefined);
  const old = [
    ...expired(of('Complete'), successfulJobsHistoryLimit),
    ...expired(of('Failed'), failedJobsHistoryLimit),
  ];
  return old.map((job) =>
    deletion(job, { code: 'HistoryLimit', text: 'more finished jobs are kept than the limits say' }, true),
  );
}

function warning(reason: string, message: string, once: string): Action {
  return act.event(cronJobs, { kind: 'Warning', reason, message, once }, { code: reason, text: message });
}

function run(cronJob: CronJob, observed: Observed, atMs: number, zone: string): Action[] {
  const active = activeJobs(observed);
  const { concurrencyPolicy } = cronJob.spec;
  const replaced = concurrencyPolicy === 'Replace' ? active : [];
  if (concurrencyPolicy === 'Forbid' && active.length > 0) {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    const event: ActionEvent = { reason: 'JobAlreadyActive', message, once: `${atMs}` };
    return [act.event(cronJobs, event, { code: 'JobAlreadyActive', text: message })];
  }
  // A period of seconds comes several times in a minute, which has one job.
  const isMade = observed.jobs.some((job) => job.metadata.name === jobName(cronJob, atMs) && !replaced.includes(job));
  if (isMade) return [];
  const creation = act.create(jobType, jobFor(cronJob, atMs, zone), {
    cause: { code: 'Scheduled', text: `a run is due at ${zonedTimestamp(zone, atMs)}` },
    event: {
      reason: 'SuccessfulCreate',
      message: ({ metadata }) => `Created job ${metadata.name}`,
      failure: { reason: 'FailedCreate', message: 'Error creating job: ' },
    },
  });
  return [...replaced.map((job) => deletion(job, { code: 'Replaced', text: 'the next run is due' }, false)), creation];
}

/** Jobs in its name that run and are not of its making: `kubectl create job --from` makes such. */
export function unexpectedJobs({ subject, jobs }: Observed): Job[] {
  const named = new Set((subject?.status?.active ?? []).map(({ uid }) => uid));
  return jobs.filter(
    (job) => endOf(job) === undefined && scheduledAtMs(job) === undefined && !named.has(job.metadata.uid),
  );
}

function toldOfUnexpected(observed: Observed): Action[] {
  const unexpected = unexpectedJobs(observed);
  if (unexpected.length === 0) return [];
  const names = unexpected.map(({ metadata: { name = '' } }) => name);
  const text = names.toSorted((a, b) => (a < b ? -1 : 1)).join(', ');
  return [warning('UnexpectedJob', `Saw a job that the controller did not create or forgot: ${text}`, text)];
}

function told(due: Due, zone: string): Action[] {
  if (due.tooLateMs !== undefined) {
    const at = zonedTimestamp(zone, due.tooLateMs);
    return [warning('MissSchedule', `Missed scheduled time to start a job: ${at}`, at)];
  }
  if (!tooManyMissed(due)) return [];
  const message = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
  return [warning('TooManyMissedTimes', message, `${due.atMs}`)];
}

export function reconcile(observed: Observed): Reconciliation {
  const { subject: cronJob, nowMs } = observed;
  if (cronJob === undefined || cronJob.metadata.deletionTimestamp !== undefined) return { actions: [] };
  const cleaned = [...toldOfUnexpected(observed), ...history(observed)];
  if (suspended(cronJob)) return { actions: cleaned };
  const timetable = timetableOf(cronJob);
  if (timetable.schedule === undefined) {
    const { reason, message } = timetable;
    return { actions: [...cleaned, warning(reason, message, message)] };
  }
  const due = dueRun(cronJob, observed, timetable.schedule);
  const begun = due.atMs === undefined ? [] : run(cronJob, observed, due.atMs, timetable.zone);
  return {
    actions: [...told(due, timetable.zone), ...cleaned, ...begun],
    requeueAfterMs: due.nextMs === undefined ? undefined : Math.min(due.nextMs - nowMs, longestSleepMs),
  };
}

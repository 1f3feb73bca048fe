/** Which run of a CronJob is due. */
import { timestampMs } from '@timonel/sdk/controller';
import { parseSchedule, timeZoneProblems, type Schedule } from '@timonel/sdk/cron';
import type { CronJob } from '@timonel/sdk/kube';
import { scheduledAtMs } from './cron-jobs.ts';
import type { Observed } from './observe.ts';

/** More missed runs are told of. */
const manyMissed = 100;

export type Timetable =
  | { readonly schedule: Schedule; readonly zone: string }
  | { readonly schedule?: undefined; readonly reason: string; readonly message: string };

export function timetableOf({ spec }: CronJob): Timetable {
  const { schedule: text, timeZone } = spec;
  const [zoneProblem] = timeZone === undefined ? [] : timeZoneProblems(timeZone);
  if (zoneProblem !== undefined) {
    return { reason: 'UnknownTimeZone', message: `invalid timeZone: ${JSON.stringify(timeZone)}: ${zoneProblem}` };
  }
  const zone = timeZone ?? 'UTC';
  const { schedule, problems = [] } = parseSchedule(text, zone);
  if (schedule !== undefined) return { schedule, zone };
  return {
    reason: 'UnparseableSchedule',
    message: `unparseable schedule: ${JSON.stringify(text)} : ${problems.join('; ')}`,
  };
}

/** The last time for which there was a run, as far as status and jobs know: a crash may have kept the status from knowing. */
export function lastScheduledMs({ subject, jobs }: Observed): number | undefined {
  const times = [timestampMs(subject?.status?.lastScheduleTime), ...jobs.map(scheduledAtMs)];
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

export interface Due {
  /** The last run that should have begun by now and has not; those before it are left out. */
  readonly atMs?: number;
  /** Runs before it that were left out, roughly. */
  readonly missed: number;
  /** Whether a run was left out for being later than `startingDeadlineSeconds`. */
  readonly tooLateMs?: number;
  readonly nextMs?: number;
}

export function dueRun(cronJob: CronJob, observed: Observed, schedule: Schedule): Due {
  const { nowMs } = observed;
  const sinceMs = lastScheduledMs(observed) ?? timestampMs(cronJob.metadata.creationTimestamp) ?? nowMs;
  const lastMs = schedule.last(sinceMs, nowMs);
  const upcoming = upcomingRun(schedule, lastMs ?? sinceMs, nowMs);
  if (lastMs === undefined) return { missed: 0, ...upcoming };
  const { startingDeadlineSeconds } = cronJob.spec;
  const deadlineMs = startingDeadlineSeconds === undefined ? undefined : startingDeadlineSeconds * 1000;
  if (deadlineMs !== undefined && lastMs < nowMs - deadlineMs) return { missed: 0, tooLateMs: lastMs, ...upcoming };
  const fromMs = deadlineMs === undefined ? sinceMs : Math.max(sinceMs, nowMs - deadlineMs);
  return { atMs: lastMs, missed: missedRuns(schedule, fromMs, lastMs), ...upcoming };
}

/** Periods go on from the last run, not from now. */
function upcomingRun(schedule: Schedule, fromMs: number, nowMs: number): Pick<Due, 'nextMs'> {
  const next = schedule.next(fromMs);
  const nextMs = next !== undefined && next <= nowMs ? schedule.next(nowMs) : next;
  return nextMs === undefined ? {} : { nextMs };
}

function missedRuns(schedule: Schedule, fromMs: number, lastMs: number): number {
  const first = schedule.next(fromMs);
  const second = first === undefined ? undefined : schedule.next(first);
  if (first === undefined || second === undefined || first >= lastMs) return 0;
  return Math.floor((lastMs - first) / (second - first));
}

export function tooManyMissed({ missed }: Due): boolean {
  return missed >= manyMissed;
}

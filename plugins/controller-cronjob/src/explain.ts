/** Why a CronJob makes no job at the moment, for `timonel why`. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { zonedTimestamp } from '@timonel/sdk/cron';
import { suspended } from './cron-jobs.ts';
import { dueRun, lastScheduledMs, timetableOf, type Due } from './due.ts';
import type { Observed } from './observe.ts';
import { activeJobs, unexpectedJobs } from './reconcile.ts';

function cause(code: string, text: string, unblock?: string): Cause {
  return { component: 'controller-cronjob', code, text, ...(unblock === undefined ? {} : { unblock }) };
}

function ofRuns(observed: Observed, due: Due, zone: string): Cause[] {
  const causes: Cause[] = [];
  const active = activeJobs(observed);
  const { concurrencyPolicy, startingDeadlineSeconds = 0 } = observed.subject?.spec ?? {};
  if (due.atMs !== undefined && concurrencyPolicy === 'Forbid' && active.length > 0) {
    const names = active.map(({ metadata }) => metadata.name).join(', ');
    const text = `the run of ${zonedTimestamp(zone, due.atMs)} waits for ${names}: concurrency policy Forbid`;
    causes.push(cause('JobAlreadyActive', text, `wait for its end, or delete it`));
  }
  if (due.tooLateMs !== undefined) {
    const text = `the run of ${zonedTimestamp(zone, due.tooLateMs)} was missed by more than ${startingDeadlineSeconds} s`;
    causes.push(cause('MissSchedule', text, 'increase spec.startingDeadlineSeconds'));
  }
  const last = lastScheduledMs(observed);
  if (last !== undefined && last > observed.nowMs) {
    const text = `the last run was at ${zonedTimestamp(zone, last)}, which lies ahead: the clock was set back`;
    causes.push(
      cause('ClockWentBack', text, 'wait until then, or correct status.lastScheduleTime and delete that job'),
    );
  }
  if (due.nextMs !== undefined) causes.push(cause('NextRun', `the next run is at ${zonedTimestamp(zone, due.nextMs)}`));
  else causes.push(cause('NoNextRun', 'the schedule has no time within five years', 'correct spec.schedule'));
  return causes;
}

export function explain(observed: Observed): readonly Cause[] {
  const { subject: cronJob } = observed;
  if (cronJob === undefined) return [];
  const unexpected = unexpectedJobs(observed).map(({ metadata }) =>
    cause('UnexpectedJob', `job ${metadata.name} names it as its controller, but was made by somebody else`),
  );
  if (suspended(cronJob)) return [cause('Suspended', 'it is suspended', 'set spec.suspend to false'), ...unexpected];
  const timetable = timetableOf(cronJob);
  if (timetable.schedule === undefined) {
    return [cause(timetable.reason, timetable.message, 'correct spec.schedule and spec.timeZone'), ...unexpected];
  }
  return [...ofRuns(observed, dueRun(cronJob, observed, timetable.schedule), timetable.zone), ...unexpected];
}

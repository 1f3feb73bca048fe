import { describe, expect, it } from '@jest/globals';
import type { Outcome } from '@timonel/sdk/controller';
import { controllerReference, cronJobs, type CronJob, type Job } from '@timonel/sdk/kube';
import { scheduledAnnotation } from './cron-jobs.ts';
import { explain } from './explain.ts';
import type { Observed } from './observe.ts';
import { jobFor, reconcile } from './reconcile.ts';
import { planStatus } from './status.ts';
import { atMs, cron, job, minuteMs, seen } from './testing/cron-jobs.ts';

function brief(observed: Observed): string[] {
  return reconcile(observed).actions.map((action) =>
    action.do === 'event'
      ? action.event.reason
      : `${action.do} ${'object' in action ? nameOf(action.object as Job) : ''}`,
  );
}

/** The time for which it was made. */
const nameOf = ({ metadata }: Job): string => {
  const minutes = Number(metadata.name?.replace('tick-', ''));
  return new Date(minutes * minuteMs).toISOString().slice(11, 16);
};

const refs = (...jobs: Job[]): NonNullable<CronJob['status']> => ({
  active: jobs.map(({ metadata }) => ({ kind: 'Job', name: metadata.name ?? '', uid: metadata.uid ?? '' })),
});

describe('a cron job', () => {
  it.each<[string, string, CronJob, readonly Job[], string[]]>([
    ['makes nothing before its first time', '00:09:59', cron(), [], []],
    ['makes a job at its time', '00:10:00', cron(), [], ['create 00:10']],
    ['makes the job of a time once', '00:15:00', cron({}, { lastScheduleTime: '2026-01-01T00:10:00Z' }), [], []],
    ['knows of a job that the status does not know of', '00:15:00', cron(), [job('00:10:00')], []],
    ['makes the last of the missed ones', '00:35:00', cron(), [], ['create 00:30']],
    [
      'makes what was missed while it was suspended',
      '00:35:00',
      cron({}, { lastScheduleTime: '2026-01-01T00:10:00Z' }),
      [job('00:10:00')],
      ['create 00:30'],
    ],
    ['makes none while it is suspended', '00:35:00', cron({ suspend: true }), [], []],
    [
      'makes none that is later than its deadline',
      '00:15:00',
      cron({ startingDeadlineSeconds: 60 }),
      [],
      ['MissSchedule'],
    ],
    ['makes one within its deadline', '00:10:40', cron({ startingDeadlineSeconds: 60 }), [], ['create 00:10']],
    [
      'Allow: makes one beside others',
      '00:20:00',
      cron({}, refs(job('00:10:00'))),
      [job('00:10:00')],
      ['create 00:20'],
    ],
    [
      'Forbid: waits for the one that runs',
      '00:20:00',
      cron({ concurrencyPolicy: 'Forbid' }),
      [job('00:10:00')],
      ['JobAlreadyActive'],
    ],
    [
      'Forbid: goes on after the one that ran',
      '00:25:00',
      cron({ concurrencyPolicy: 'Forbid' }),
      [job('00:10:00', 'Failed')],
      ['create 00:20'],
    ],
    [
      'Replace: takes the place of the one that runs',
      '00:20:00',
      cron({ concurrencyPolicy: 'Replace' }),
      [job('00:10:00')],
      ['delete 00:10', 'create 00:20'],
    ],
    [
      'tells of many missed ones',
      '23:35:00',
      cron({ schedule: '* * * * *' }),
      [],
      ['TooManyMissedTimes', 'create 23:35'],
    ],
    [
      'does not tell of those before the deadline',
      '23:35:00',
      cron({ schedule: '* * * * *', startingDeadlineSeconds: 600 }),
      [],
      ['create 23:35'],
    ],
    [
      'tells of a schedule that it does not understand',
      '00:10:00',
      cron({ schedule: '61 * * * *' }),
      [],
      ['UnparseableSchedule'],
    ],
    [
      'tells of a time zone that it does not know',
      '00:10:00',
      cron({ timeZone: 'Mars/Base' }),
      [],
      ['UnknownTimeZone'],
    ],
    ['rests after the clock was set back', '00:25:00', cron({}, { lastScheduleTime: '2026-01-01T05:00:00Z' }), [], []],
    [
      'makes one job for a minute, however often the schedule comes in it',
      '00:10:20',
      cron({ schedule: '@every 10s' }, { lastScheduleTime: '2026-01-01T00:10:00Z' }),
      [job('00:10:00', 'Complete')],
      [],
    ],
    [
      'Replace: may make the job of a minute again',
      '00:10:20',
      cron({ schedule: '@every 10s', concurrencyPolicy: 'Replace' }, { lastScheduleTime: '2026-01-01T00:10:00Z' }),
      [job('00:10:00')],
      ['delete 00:10', 'create 00:10'],
    ],
    [
      'follows the clocks of its zone',
      '00:45:00',
      cron({ schedule: '15 6 * * *', timeZone: 'Asia/Kathmandu' }),
      [],
      ['create 00:30'],
    ],
  ])('%s', (_, now, subject, jobs, expected) => {
    expect(brief(seen(now, subject, jobs))).toEqual(expected);
  });

  it('keeps a number of finished jobs, the newest', () => {
    const jobs = [
      ...['00:10:00', '00:40:00', '00:20:00', '00:30:00'].map((text) => job(text, 'Complete')),
      ...['00:15:00', '00:25:00'].map((text) => job(text, 'Failed')),
      job('00:50:00'),
    ];
    expect(brief(seen('00:51:00', cron(), jobs))).toEqual(['delete 00:10', 'delete 00:15']);
    const none = cron({ successfulJobsHistoryLimit: 0, failedJobsHistoryLimit: 5, suspend: true });
    expect(brief(seen('00:51:00', none, jobs))).toHaveLength(4);
    expect(reconcile(seen('00:51:00', cron(), jobs)).actions[0]).toMatchObject({
      options: { propagationPolicy: 'Background' },
    });
  });

  it('sleeps until the next time, and a minute at most', () => {
    expect(reconcile(seen('00:09:30', cron())).requeueAfterMs).toBe(30_000);
    expect(reconcile(seen('00:00:45', cron())).requeueAfterMs).toBe(60_000);
    expect(reconcile(seen('00:09:30', cron({ suspend: true }))).requeueAfterMs).toBeUndefined();
    expect(reconcile(seen('00:09:30', cron({ schedule: '0 0 30 2 *' }))).requeueAfterMs).toBeUndefined();
  });

  it('keeps the beat of a period, whenever it is looked at', () => {
    const subject = cron({ schedule: '@every 1h' }, { lastScheduleTime: '2026-01-01T00:10:00Z' });
    expect(reconcile(seen('01:09:50', subject)).requeueAfterMs).toBe(10_000);
    expect(explain(seen('00:30:00', subject))[0]?.text).toBe('the next run is at 2026-01-01T01:10:00Z');
    expect(explain(seen('02:15:00', subject))[0]?.text).toBe('the next run is at 2026-01-01T03:10:00Z');
  });

  it('removes old jobs even if one of them, or the next one, is refused, and makes the next one all the same', () => {
    const jobs = ['00:01:00', '00:02:00', '00:03:00', '00:04:00', '00:05:00'].map((text) => job(text, 'Complete'));
    const { actions } = reconcile(seen('00:10:00', cron(), jobs));
    expect(actions.map((action) => [action.do, action.do === 'delete' && action.independent])).toEqual([
      ['delete', true],
      ['delete', true],
      ['create', false],
    ]);
  });

  it('tells of jobs that somebody else made in its name, as long as they run', () => {
    const { [scheduledAnnotation]: _, ...annotations } = job('00:05:00').metadata.annotations ?? {};
    const by = (name: string, end?: 'Complete'): Job => job('00:05:00', end, { name, uid: name, annotations });
    const jobs = [by('manual'), by('done', 'Complete'), by('again')];
    for (const suspend of [false, true]) {
      const { actions } = reconcile(seen('00:06:00', cron({ suspend }), jobs));
      const message = 'Saw a job that the controller did not create or forgot: again, manual';
      expect(actions).toMatchObject([
        { do: 'event', event: { kind: 'Warning', reason: 'UnexpectedJob', message, once: 'again, manual' } },
      ]);
    }
  });

  it('makes jobs by its template, named by the minute', () => {
    expect(jobFor(cron({ timeZone: 'Europe/Madrid' }), atMs('00:10:00'), 'Europe/Madrid')).toEqual({
      metadata: {
        name: `tick-${atMs('00:10:00') / minuteMs}`,
        namespace: 'default',
        labels: { a: 'b' },
        annotations: { [scheduledAnnotation]: '2026-01-01T01:10:00+01:00' },
        ownerReferences: [controllerReference(cron(), cronJobs)],
      },
      spec: { template: { spec: { containers: [] } } },
    });
  });
});

describe('the status of a cron job', () => {
  const none: Outcome = { answers: new Map(), existing: [] };

  it('names the jobs that run, the last time and the last success', () => {
    const running = job('00:30:00', undefined, { resourceVersion: '9' });
    const subject = cron({}, { ...refs(job('00:10:00'), job('00:20:00')), lastScheduleTime: '2026-01-01T00:20:00Z' });
    const plan = planStatus(seen('00:31:00', subject, [job('00:10:00', 'Complete'), running]), none);
    expect(plan?.status).toEqual({
      active: [
        {
          kind: 'Job',
          apiVersion: 'batch/v1',
          namespace: 'default',
          name: running.metadata.name,
          uid: 'uid-00:30:00',
          resourceVersion: '9',
        },
      ],
      lastScheduleTime: '2026-01-01T00:30:00Z',
      lastSuccessfulTime: '2026-01-01T00:11:00Z',
    });
    expect(plan?.events?.map(({ reason }) => reason)).toEqual(['SawCompletedJob', 'MissingJob']);
  });

  it('keeps its references as they are, and leaves out jobs of others', () => {
    const before = refs(job('00:10:00'));
    const { [scheduledAnnotation]: _, ...annotations } = job('00:20:00').metadata.annotations ?? {};
    const foreign = job('00:20:00', undefined, { annotations });
    const observed = seen('00:15:00', cron({}, { ...before, lastScheduleTime: '2026-01-01T00:10:00Z' }), [
      job('00:10:00'),
      foreign,
    ]);
    expect(planStatus(observed, none)?.status.active).toEqual(before.active);
    expect(explain(observed).map(({ code }) => code)).toEqual(['NextRun', 'UnexpectedJob']);
  });
});

describe('explain', () => {
  const codes = (observed: Observed): string[] => explain(observed).map(({ code }) => code);
  it('says what a cron job waits for', () => {
    expect(explain(seen('00:09:00', cron()))[0]?.text).toBe('the next run is at 2026-01-01T00:10:00Z');
    expect(codes(seen('00:20:00', cron({ concurrencyPolicy: 'Forbid' }), [job('00:10:00')]))).toEqual([
      'JobAlreadyActive',
      'NextRun',
    ]);
    expect(codes(seen('00:15:00', cron({ startingDeadlineSeconds: 60 })))).toEqual(['MissSchedule', 'NextRun']);
    expect(codes(seen('00:25:00', cron({}, { lastScheduleTime: '2026-01-01T05:00:00Z' })))).toEqual([
      'ClockWentBack',
      'NextRun',
    ]);
    expect(codes(seen('00:25:00', cron({ schedule: 'x' })))).toEqual(['UnparseableSchedule']);
    expect(codes(seen('00:25:00', cron({ schedule: '0 0 30 2 *' })))).toEqual(['NoNextRun']);
    expect(codes(seen('00:25:00', cron({ suspend: true })))).toEqual(['Suspended']);
  });
});

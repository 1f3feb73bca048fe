import { describe, expect, it } from '@jest/globals';
import { act, type Outcome } from '@timonel/sdk/controller';
import { pods as podType, type Job, type JobStatus, type Pod } from '@timonel/sdk/kube';
import type { Observed } from './progress.ts';
import { reconcile } from './reconcile.ts';
import { planStatus } from './status.ts';
import { aJob, aPod, failed, seen, succeeded, timestamp } from './testing/jobs.ts';

const nothing: Outcome = { answers: new Map(), existing: [] };

/** All actions go well. */
function done(observed: Observed): Outcome {
  const { actions } = reconcile(observed);
  return {
    answers: new Map(actions.map((action) => [action, 'object' in action ? action.object : { metadata: {} }])),
    existing: [],
  };
}

const statusOf = (job: Job, pods: readonly Pod[], outcome?: Outcome): JobStatus | undefined =>
  planStatus(seen(job, pods), outcome ?? nothing)?.status;
const typesOf = (status: JobStatus | undefined): string[] =>
  (status?.conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is} ${reason}`);

describe('the status of a job', () => {
  it('counts pods by what they do', () => {
    const pods = [aPod('a'), aPod('b', { ready: false }), aPod('c', { deleting: true, tracked: false })];
    expect(statusOf(aJob(), pods)).toEqual({
      startTime: '2026-01-01T00:59:00Z',
      active: 2,
      ready: 1,
      terminating: 1,
      uncountedTerminatedPods: {},
    });
  });

  it('takes ends up first, and counts them once their pods have lost the finalizer', () => {
    const pods = [succeeded('a'), failed('b')];
    const first = statusOf(aJob(), pods);
    expect(first).toMatchObject({ uncountedTerminatedPods: { succeeded: ['uid-a'], failed: ['uid-b'] } });
    expect(first?.succeeded ?? first?.failed).toBeUndefined();
    const job = aJob({}, first);
    expect(statusOf(job, pods)).toEqual(first);
    const observed = seen(job, pods);
    expect(planStatus(observed, done(observed))?.status).toMatchObject({
      succeeded: 1,
      failed: 1,
      uncountedTerminatedPods: {},
    });
    // The process died between the two: the pods are gone or without the finalizer.
    expect(statusOf(job, [succeeded('a', { tracked: false })])).toMatchObject({
      succeeded: 1,
      failed: 1,
      uncountedTerminatedPods: {},
    });
  });

  it('takes up a bounded number of ends at a time', () => {
    const pods = Array.from({ length: 700 }, (_, n) => succeeded(`p${n}`));
    const status = statusOf(aJob({ parallelism: 1000, completions: 1000 }), pods);
    expect(status?.uncountedTerminatedPods?.succeeded).toHaveLength(500);
  });

  it('knows what a pass has made and deleted', () => {
    const observed = seen(aJob({ suspend: true }), [aPod('a'), aPod('b')]);
    expect(planStatus(observed, done(observed))?.status.active).toBeUndefined();
    const made = act.create(podType, aPod('new'), { cause: { code: '', text: '' } });
    const outcome = { answers: new Map([[made, aPod('new')]]), existing: [] };
    expect(planStatus(seen(aJob(), [aPod('a')]), outcome)?.status).toMatchObject({ active: 2, ready: 1 });
  });

  it('has a start time once the job is not suspended, anew after each suspension', () => {
    const fresh = { ...aJob(), status: {} };
    expect(statusOf(fresh, [])?.startTime).toBe(timestamp);
    expect(statusOf({ ...aJob({ suspend: true }), status: {} }, [])?.startTime).toBeUndefined();
    const suspended = aJob({ suspend: true });
    const status = statusOf(suspended, []);
    expect(typesOf(status)).toEqual(['Suspended=True JobSuspended']);
    const plan = planStatus(seen(aJob({}, status), []), nothing);
    expect(typesOf(plan?.status)).toEqual(['Suspended=False JobResumed']);
    expect(plan?.status.startTime).toBe(timestamp);
    expect(plan?.events).toEqual([{ reason: 'Resumed', message: 'Job resumed' }]);
  });

  it.each<[string, Job, readonly Pod[], string]>([
    [
      'as many succeeded as wanted',
      aJob({ completions: 1 }),
      [succeeded('a')],
      'SuccessCriteriaMet=True CompletionsReached',
    ],
    [
      'one succeeded and none runs',
      aJob({ completions: undefined as never }),
      [succeeded('a')],
      'SuccessCriteriaMet=True CompletionsReached',
    ],
    [
      'more failed than allowed',
      aJob({ backoffLimit: 1 }, { failed: 1 }),
      [failed('a')],
      'FailureTarget=True BackoffLimitExceeded',
    ],
    [
      'more restarts than allowed',
      aJob({ backoffLimit: 2, template: { spec: { restartPolicy: 'OnFailure', containers: [] } } }),
      [aPod('a', { restarts: 1 }), aPod('b', { restarts: 1 })],
      'FailureTarget=True BackoffLimitExceeded',
    ],
    [
      'more restarts than allowed, as far as they are told',
      aJob({ backoffLimit: 1, template: { spec: { restartPolicy: 'OnFailure', containers: [] } } }),
      [aPod('a', { restarts: null }), aPod('b', { restarts: 1 })],
      'FailureTarget=True BackoffLimitExceeded',
    ],
    ['the deadline is over', aJob({ activeDeadlineSeconds: 60 }), [aPod('a')], 'FailureTarget=True DeadlineExceeded'],
    [
      'too many indexes failed',
      aJob({ completionMode: 'Indexed', backoffLimitPerIndex: 0, maxFailedIndexes: 0 }),
      [failed('a', { index: 0 })],
      'FailureTarget=True MaxFailedIndexesExceeded',
    ],
    [
      'all indexes ended and some failed',
      aJob({ completionMode: 'Indexed', backoffLimitPerIndex: 0, completions: 2 }, { completedIndexes: '1' }),
      [failed('a', { index: 0 })],
      'FailureTarget=True FailedIndexes',
    ],
    [
      'a rule of success is met',
      aJob({ completionMode: 'Indexed', successPolicy: { rules: [{ succeededCount: 1 }] } }),
      [succeeded('a', { index: 2 }), aPod('b', { index: 0 })],
      'SuccessCriteriaMet=True SuccessPolicy',
    ],
  ])('says what the job comes to: %s', (_, job, pods, expected) => {
    const plan = planStatus(seen(job, pods), nothing);
    expect(typesOf(plan?.status)).toEqual([expected]);
    expect(plan?.events).toEqual([]);
  });

  it.each<[string, Job, readonly Pod[]]>([
    ['pods that run', aJob({ completions: undefined as never }, { succeeded: 1 }), [aPod('a')]],
    [
      'a suspended job past its deadline',
      aJob({ activeDeadlineSeconds: 60, suspend: true }, { conditions: [{ type: 'Suspended', status: 'True' }] }),
      [],
    ],
    [
      'failures that are ignored',
      aJob({
        backoffLimit: 0,
        podFailurePolicy: { rules: [{ action: 'Ignore', onExitCodes: { operator: 'In', values: [1] } }] },
      }),
      [failed('a')],
    ],
  ])('decides nothing for %s', (_, job, pods) => {
    expect(typesOf(statusOf(job, pods)).filter((type) => !type.startsWith('Suspended'))).toEqual([]);
  });

  it('is final only when every pod has ended and is counted', () => {
    const met = { type: 'SuccessCriteriaMet', status: 'True', reason: 'CompletionsReached', message: 'm' } as const;
    const job = aJob({ completions: 1 }, { conditions: [met], uncountedTerminatedPods: { succeeded: ['uid-a'] } });
    expect(typesOf(statusOf(job, [succeeded('a')]))).toHaveLength(1);
    expect(typesOf(statusOf(job, [aPod('b', { deleting: true, tracked: false })]))).toHaveLength(1);
    const plan = planStatus(seen(job, []), nothing);
    expect(typesOf(plan?.status)).toEqual([
      'SuccessCriteriaMet=True CompletionsReached',
      'Complete=True CompletionsReached',
    ]);
    expect(plan?.status).toMatchObject({ completionTime: timestamp, succeeded: 1 });
    expect(plan?.events).toEqual([{ reason: 'Completed', message: 'Job completed' }]);
    expect(planStatus(seen({ ...job, status: plan?.status ?? {} }, []), nothing)).toBeUndefined();
  });

  it('wakes up at the deadline, and after a minute at the latest', () => {
    const plan = (seconds: number): number | undefined =>
      planStatus(seen(aJob({ activeDeadlineSeconds: seconds }), [aPod('a'), aPod('b')]), nothing)?.requeueAfterMs;
    expect(plan(90)).toBe(30_000);
    expect(plan(3600)).toBe(60_000);
  });

  it('does not look at the deadline again once it is decided what the job comes to', () => {
    const target = { type: 'FailureTarget', status: 'True', reason: 'DeadlineExceeded', message: 'late' } as const;
    const job = aJob({ activeDeadlineSeconds: 10 }, { conditions: [target] });
    const pods = [aPod('a', { deleting: true })];
    expect(planStatus(seen(job, pods), nothing)?.requeueAfterMs).toBeUndefined();
    const decides = planStatus(seen(aJob({ activeDeadlineSeconds: 10 }), pods), nothing);
    expect(typesOf(decides?.status)).toEqual(['FailureTarget=True DeadlineExceeded']);
    expect(decides?.requeueAfterMs).toBeUndefined();
  });
});

import { expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Informer } from '@timonel/sdk/controller';
import { ApiError, type CronJob, type Job } from '@timonel/sdk/kube';
import { observe } from './observe.ts';
import { reconcile } from './reconcile.ts';
import { atMs, cron, job, seen } from './testing/cron-jobs.ts';

it.each<[string, readonly Job[], readonly Job[], string[]]>([
  ['the cache shows', [job('00:10:00')], [], []],
  ['the cache does not show yet', [], [job('00:10:00')], []],
  ['is gone', [], [], ['create']],
  [
    'another of its name replaced',
    [],
    [{ ...job('00:10:00'), metadata: { ...job('00:10:00').metadata, ownerReferences: [] } }],
    ['create'],
  ],
])('Forbid: a job that the status names and that %s', async (_, cached, live, expected) => {
  const { name = '', uid = '' } = job('00:10:00').metadata;
  const subject = cron(
    { concurrencyPolicy: 'Forbid' },
    { active: [{ name, uid }], lastScheduleTime: '2026-01-01T00:10:00Z' },
  );
  const inputs = {
    cronJobs: { get: () => subject } as unknown as Informer<CronJob>,
    jobs: { byIndex: () => cached } as unknown as Informer<Job>,
  };
  const api = {
    async get() {
      if (live[0] === undefined) throw new ApiError('NotFound', name);
      return live[0];
    },
  } as unknown as ApiClient;
  const now = seen('00:20:00', subject);
  expect(now.nowMs).toBe(atMs('00:20:00'));
  const observed = await observe('default/tick', inputs, { nowMs: now.nowMs, timestamp: now.timestamp }, api);
  const actions = observed === undefined ? [] : reconcile(observed).actions;
  expect(actions.flatMap((action) => (action.do === 'event' ? [] : action.do))).toEqual(expected);
});

it('takes nulls of clients for what is absent', async () => {
  const absent = null as never;
  const plain = cron();
  const { jobTemplate } = plain.spec;
  const nulls = { timeZone: absent, startingDeadlineSeconds: absent };
  const template = { ...jobTemplate, spec: { ...jobTemplate.spec, completions: absent } };
  const subject = { ...plain, spec: { ...plain.spec, ...nulls, jobTemplate: template } };
  const inputs = {
    cronJobs: { get: () => subject } as unknown as Informer<CronJob>,
    jobs: { byIndex: () => [] } as unknown as Informer<Job>,
  };
  const observed = await observe('default/tick', inputs, seen('00:20:00', subject), {} as ApiClient);
  expect(observed?.subject).toEqual(plain);
});

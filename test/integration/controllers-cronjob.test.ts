/** Cron jobs on the real API server with a clock that jumps: missed runs, deadlines, time zones, histories. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import cronJobController from '@timonel/plugin-controller-cronjob';
import gcController from '@timonel/plugin-controller-gc';
import jobController from '@timonel/plugin-controller-job';
import { cronJobs, jobs, type CronJob, type Job } from '@timonel/sdk/kube';
import { Clock } from '../conformance/support/clock.ts';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';

const minuteMs = 60_000;
const scheduled = ({ metadata }: Job): string =>
  metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'] ?? '';

describe('controller-cronjob', () => {
  let cluster: Cluster;
  let clock: Clock;
  beforeAll(async () => {
    clock = new Clock(Date.UTC(2030, 6, 1, 6, 0, 30));
    cluster = await startCluster({ controllers: [cronJobController, jobController, gcController], clock, nodes: 0 });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const made = async (spec: Partial<CronJob['spec']>, command: string[] = ['fake:exit', '0']): Promise<string> => {
    const namespace = await cluster.namespace();
    const containers = [{ name: 'main', image: 'work:1', command }];
    const jobTemplate = { spec: { backoffLimit: 0, template: { spec: { restartPolicy: 'Never', containers } } } };
    await cluster.api.create(cronJobs, {
      metadata: { name: 'tick', namespace },
      spec: { schedule: '* * * * *', jobTemplate, ...spec },
    });
    await cluster.quiet();
    return namespace;
  };
  const get = (namespace: string): Promise<CronJob> => cluster.api.get(cronJobs, { namespace, name: 'tick' });
  const jobsOf = async (namespace: string): Promise<Job[]> =>
    (await cluster.api.list(jobs, { namespace })).items.toSorted((a, b) => (scheduled(a) < scheduled(b) ? -1 : 1));
  const reasonsOf = async (namespace: string): Promise<string[]> =>
    (await cluster.eventsOf(await get(namespace))).map(({ reason = '' }) => reason);
  const suspend = (namespace: string, value: boolean): Promise<CronJob> =>
    cluster.api.patch(cronJobs, { namespace, name: 'tick' }, { type: 'merge', body: { spec: { suspend: value } } });
  const passes = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    await cluster.quiet();
  };

  it('keeps as many finished jobs as it is told', async () => {
    const namespace = await made({ successfulJobsHistoryLimit: 2 });
    for (let round = 0; round < 4; round += 1) await passes(minuteMs);
    await cluster.until('two jobs', async () => (await jobsOf(namespace)).length === 2);
    const { status } = await get(namespace);
    expect(status?.active).toBeUndefined();
    expect(Date.parse(status?.lastScheduleTime ?? '')).toBe(Date.parse(scheduled((await jobsOf(namespace))[1] as Job)));
    expect(status?.lastSuccessfulTime).toBeDefined();
    const reasons = await reasonsOf(namespace);
    expect(reasons.filter((reason) => reason === 'SuccessfulDelete')).toHaveLength(2);
    expect(reasons).toContain('SawCompletedJob');
    await suspend(namespace, true);
  });

  it('keeps failed jobs apart from successful ones', async () => {
    const namespace = await made({ failedJobsHistoryLimit: 1, successfulJobsHistoryLimit: 0 }, ['fake:exit', '1']);
    for (let round = 0; round < 3; round += 1) await passes(minuteMs);
    await cluster.until('one job', async () => (await jobsOf(namespace)).length === 1);
    expect((await get(namespace)).status?.lastSuccessfulTime).toBeUndefined();
    await suspend(namespace, true);
  });

  it('makes one job for all times that it missed, and says when they were many', async () => {
    const namespace = await made({ suspend: true });
    await passes(150 * minuteMs);
    await suspend(namespace, false);
    await cluster.until('a job', async () => (await jobsOf(namespace)).length === 1);
    const nowMs = clock.env.clock.now();
    expect(Date.parse(scheduled((await jobsOf(namespace))[0] as Job))).toBe(Math.floor(nowMs / minuteMs) * minuteMs);
    await cluster.until('the event', async () => (await reasonsOf(namespace)).includes('TooManyMissedTimes'));
    await suspend(namespace, true);
  });

  it('leaves out what it missed by more than its deadline, says so once, and makes the next', async () => {
    const namespace = await made({ suspend: true, schedule: '0 * * * *', startingDeadlineSeconds: 120 });
    const toFullHourMs = 60 * minuteMs - (clock.env.clock.now() % (60 * minuteMs));
    await passes(toFullHourMs + 10 * minuteMs);
    await suspend(namespace, false);
    await passes(5 * minuteMs);
    expect(await jobsOf(namespace)).toEqual([]);
    const missed = (await cluster.eventsOf(await get(namespace))).filter(({ reason }) => reason === 'MissSchedule');
    expect(missed.map(({ count }) => count)).toEqual([1]);
    await passes(46 * minuteMs);
    await cluster.until('a job', async () => (await jobsOf(namespace)).length === 1);
    await suspend(namespace, true);
  });

  it('follows the clocks of its time zone', async () => {
    const namespace = await made({ schedule: '30 9 * * *', timeZone: 'Asia/Kolkata' });
    await passes(24 * 60 * minuteMs);
    await cluster.until('a job', async () => (await jobsOf(namespace)).length === 1);
    expect(scheduled((await jobsOf(namespace))[0] as Job)).toMatch(/^2030-07-0\dT09:30:00\+05:30$/);
    await suspend(namespace, true);
  });

  it('goes with its jobs, and leaves no others', async () => {
    const namespace = await made({}, []);
    await passes(minuteMs);
    await cluster.until('a job', async () => (await jobsOf(namespace)).length === 1);
    await cluster.api.delete(cronJobs, { namespace, name: 'tick' }, { propagationPolicy: 'Background' });
    await cluster.until('all to be gone', async () => (await jobsOf(namespace)).length === 0);
    await passes(3 * minuteMs);
    expect(await jobsOf(namespace)).toEqual([]);
  });
});

/** Jobs and cron jobs with real containers and real kubectl. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

const container = (script: string): object => ({
  name: 'main',
  image: 'timonel.local/node:host',
  command: ['node', '-e', script],
  resources: { requests: { cpu: '10m', memory: '16Mi' } },
});

const indexed = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'squares' },
  spec: {
    completions: 20,
    parallelism: 5,
    completionMode: 'Indexed',
    template: {
      spec: {
        restartPolicy: 'Never',
        containers: [
          container(`const n = Number(process.env.JOB_COMPLETION_INDEX); console.log(require('os').hostname(), n * n)`),
        ],
      },
    },
  },
};

const cron = {
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'tick' },
  spec: {
    schedule: '* * * * *',
    successfulJobsHistoryLimit: 1,
    jobTemplate: {
      spec: { template: { spec: { restartPolicy: 'OnFailure', containers: [container(`console.log('tick')`)] } } },
    },
  },
};

describe('batch work', () => {
  let before: readonly string[];
  let cluster: TestCluster;

  const ok = (...args: string[]): Promise<string> => cluster.mustKubectl(args);
  const apply = async (object: { readonly metadata: { readonly name: string } }): Promise<void> => {
    const file = join(cluster.dataDir, `${object.metadata.name}.json`);
    writeFileSync(file, JSON.stringify(object));
    await ok('apply', '-f', file);
  };

  beforeAll(async () => {
    before = traces();
    cluster = await TestCluster.start();
    // Its first run is up to a minute away.
    await apply(cron);
  }, 360_000);
  afterAll(async () => {
    await cluster.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('runs an indexed job of 20, five at a time, each index once', async () => {
    await apply(indexed);
    await ok('wait', '--for=condition=complete', 'job/squares', '--timeout=100s');
    expect(await ok('get', 'job', 'squares')).toMatch(/squares +Complete +20\/20 /);
    const status = '{.status.succeeded} {.status.completedIndexes} {.status.failed}';
    expect(await ok('get', 'job', 'squares', '-o', `jsonpath=${status}`)).toBe('20 0-19 ');
    const logs = await ok('logs', '-l', 'job-name=squares', '--tail=-1', '--max-log-requests=20');
    const lines = logs.trim().split('\n').toSorted();
    expect(lines).toEqual(Array.from({ length: 20 }, (_, n) => `squares-${n} ${n * n}`).toSorted());
    const pods = await ok('get', 'pods', '-l', 'job-name=squares', '-o', 'jsonpath={.items[*].metadata.finalizers}');
    expect(pods).toBe('');
    await ok('delete', 'job', 'squares', '--timeout=60s');
    const left = async (): Promise<boolean> => (await ok('get', 'pods', '-l', 'job-name=squares', '-o', 'name')) === '';
    await until(left, { what: 'the pods of the job to go', timeoutMs: 40_000 });
  }, 180_000);

  it('runs a cron job by the clock, and by hand', async () => {
    await ok('create', 'job', 'by-hand', '--from=cronjob/tick');
    await ok('wait', '--for=condition=complete', 'job/by-hand', '--timeout=40s');
    const scheduled = async (): Promise<string | undefined> =>
      (await ok('get', 'jobs', '-o', 'name')).split('\n').find((name) => /\/tick-\d+$/.test(name));
    const job = await until(scheduled, { what: 'the run at the full minute', timeoutMs: 90_000 });
    await ok('wait', '--for=condition=complete', job, '--timeout=40s');
    expect(await ok('logs', job)).toBe('tick\n');
    const times = '{.status.lastScheduleTime} {.status.lastSuccessfulTime}';
    expect(await ok('get', 'cronjob', 'tick', '-o', `jsonpath=${times}`)).toMatch(/^\S+:00Z \S+Z$/);
    await ok('patch', 'cronjob', 'tick', '-p', '{"spec":{"suspend":true}}');
    expect(await ok('get', 'cronjob', 'tick')).toMatch(/tick +\* \* \* \* \* +<none> +True +0 /);
    await ok('delete', 'cronjob', 'tick', '--timeout=60s');
    await until(async () => !(await ok('get', 'jobs', '-o', 'name')).includes('tick-'), {
      what: 'the job of the cron job to go',
      timeoutMs: 40_000,
    });
  }, 200_000);
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import cronJobController from '@timonel/plugin-controller-cronjob';
import gcController from '@timonel/plugin-controller-gc';
import jobController from '@timonel/plugin-controller-job';
import { cronJobs, jobs, pods, type CronJob, type Job } from '@timonel/sdk/kube';
import { Clock } from './support/clock.ts';
import { startCluster, type Cluster } from './support/cluster.ts';

const minuteMs = 60_000;

function cronJobOf(namespace: string, spec: Partial<CronJob['spec']> = {}, command: string[] = []): CronJob {
  const containers = [{ name: 'main', image: 'busybox:1', command }];
  return {
    metadata: { name: 'nightly', namespace },
    spec: {
      schedule: '*/1 * * * *',
      jobTemplate: { spec: { template: { spec: { restartPolicy: 'OnFailure', containers } } } },
      ...spec,
    },
  };
}

const nameOf = ({ metadata }: Job): string => metadata.name ?? '';

describe('apps: CronJob', () => {
  let cluster: Cluster;
  let clock: Clock;
  beforeAll(async () => {
    // Half a minute before a full one; not ahead of the real time, in which clients check certificates.
    clock = new Clock((Math.floor(Date.now() / minuteMs) - 1) * minuteMs + minuteMs / 2);
    cluster = await startCluster({ controllers: [cronJobController, jobController, gcController], clock, nodes: 0 });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const made = async (spec: Partial<CronJob['spec']> = {}, command?: string[]): Promise<string> => {
    const namespace = await cluster.namespace();
    await cluster.api.create(cronJobs, cronJobOf(namespace, spec, command));
    return namespace;
  };
  const get = (namespace: string): Promise<CronJob> => cluster.api.get(cronJobs, { namespace, name: 'nightly' });
  const jobsOf = async (namespace: string): Promise<Job[]> =>
    (await cluster.api.list(jobs, { namespace })).items.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const reaches = (namespace: string, count: number): Promise<unknown> =>
    cluster.until(`${count} jobs`, async () => (await jobsOf(namespace)).length === count);
  const activeOf = async (namespace: string): Promise<(string | undefined)[]> =>
    ((await get(namespace)).status?.active ?? []).map(({ name }) => name);

  it('Allow: runs several jobs at once', async () => {
    const namespace = await made({ concurrencyPolicy: 'Allow' });
    await clock.advance(minuteMs);
    await reaches(namespace, 1);
    await clock.advance(minuteMs);
    await reaches(namespace, 2);
    const found = await jobsOf(namespace);
    await cluster.until('both to be active', async () => (await activeOf(namespace)).length === 2);
    expect(await activeOf(namespace)).toEqual(found.map(nameOf));
    for (const job of found) {
      const at = job.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'] ?? '';
      expect(nameOf(job)).toBe(`nightly-${Date.parse(at) / minuteMs}`);
      expect(job.metadata.ownerReferences).toMatchObject([{ kind: 'CronJob', name: 'nightly', controller: true }]);
    }
    expect((await cluster.eventsOf(await get(namespace))).map(({ reason }) => reason)).toEqual([
      'SuccessfulCreate',
      'SuccessfulCreate',
    ]);
  });

  it('Forbid: starts no job while one runs, and the missed one after it', async () => {
    const namespace = await made({ concurrencyPolicy: 'Forbid' });
    await clock.advance(minuteMs);
    await reaches(namespace, 1);
    await clock.advance(3 * minuteMs);
    await cluster.quiet();
    const [first] = await jobsOf(namespace);
    expect(await jobsOf(namespace)).toHaveLength(1);
    expect((await cluster.eventsOf(await get(namespace))).map(({ reason }) => reason)).toContain('JobAlreadyActive');
    for (const pod of (await cluster.api.list(pods, { namespace })).items) cluster.kubelet.finish(pod, 0);
    await reaches(namespace, 2);
    const [, second] = await jobsOf(namespace);
    await cluster.until(
      'the second to be active',
      async () => (await activeOf(namespace)).join() === nameOf(second as Job),
    );
    expect(nameOf(second as Job) > nameOf(first as Job)).toBe(true);
    expect((await get(namespace)).status?.lastSuccessfulTime).toBeDefined();
  });

  it('Replace: deletes the job that runs and starts another', async () => {
    const namespace = await made({ concurrencyPolicy: 'Replace' });
    await clock.advance(minuteMs);
    await reaches(namespace, 1);
    const [first] = await jobsOf(namespace);
    await clock.advance(minuteMs);
    await cluster.until('another job', async () => {
      const found = await jobsOf(namespace);
      return found.length === 1 && found[0]?.metadata.uid !== first?.metadata.uid;
    });
    await cluster.until('one pod', async () => (await cluster.api.list(pods, { namespace })).items.length === 1);
    expect(await activeOf(namespace)).toEqual((await jobsOf(namespace)).map(nameOf));
  });

  it('starts no jobs while it is suspended', async () => {
    const namespace = await made({ suspend: true });
    await clock.advance(3 * minuteMs);
    await cluster.quiet();
    expect(await jobsOf(namespace)).toEqual([]);
    expect((await get(namespace)).status).toEqual({});
  });

  it('serves all verbs and its status', async () => {
    const namespace = await cluster.namespace();
    const path = `/apis/batch/v1/namespaces/${namespace}/cronjobs`;
    const send = cluster.server.send.bind(cluster.server);
    const seen = cluster.record(cronJobs, namespace);
    const far = cronJobOf(namespace, { schedule: '0 0 1 1 *' });
    expect(await send('POST', path, { body: far })).toMatchObject({ status: 201, body: { spec: { suspend: false } } });
    const merge = 'application/merge-patch+json';
    const labels = { patched: 'true' };
    expect(await send('PATCH', `${path}/nightly`, { type: merge, body: { metadata: { labels } } })).toMatchObject({
      status: 200,
      body: { metadata: { labels } },
    });
    const { body: read } = await send('GET', `${path}/nightly`);
    read.metadata.annotations = { updated: 'true' };
    expect((await send('PUT', `${path}/nightly`, { body: read })).status).toBe(200);
    const lastScheduleTime = '2029-01-01T00:00:00Z';
    const status = { status: { lastScheduleTime } };
    expect(await send('PATCH', `${path}/nightly/status`, { type: merge, body: status })).toMatchObject({ status: 200 });
    const whole = {
      ...(await send('GET', `${path}/nightly/status`)).body,
      status: { lastScheduleTime: '2030-01-01T00:00:00Z' },
    };
    expect((await send('PUT', `${path}/nightly/status`, { body: whole })).status).toBe(200);
    expect((await send('GET', '/apis/batch/v1/cronjobs?labelSelector=patched%3Dtrue')).body.items).toHaveLength(1);
    expect((await send('DELETE', `${path}/nightly`)).status).toBe(200);
    await send('POST', path, { body: { ...far, metadata: { name: 'other', labels } } });
    expect((await send('DELETE', `${path}?labelSelector=patched%3Dtrue`)).status).toBe(200);
    expect((await send('GET', path)).body.items).toEqual([]);
    await cluster.until('the events', () => seen.filter(({ type }) => type === 'DELETED').length === 2);
  });
});

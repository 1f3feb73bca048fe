/** Jobs on the real API server: back-off and deadlines on a clock that jumps, finalizers that are never left behind, refusals. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import gcController from '@timonel/plugin-controller-gc';
import jobController from '@timonel/plugin-controller-job';
import ttlController from '@timonel/plugin-controller-ttlafterfinished';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiHooks } from '@timonel/sdk/contracts/api-server';
import { controller } from '@timonel/sdk/contracts/controller';
import { explainers } from '@timonel/sdk/contracts/why';
import { jobs, pods, type Job, type JobSpec, type Pod } from '@timonel/sdk/kube';
import { Clock } from '../conformance/support/clock.ts';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';

const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
const indexOf = ({ metadata }: Pod): string => metadata.annotations?.['batch.kubernetes.io/job-completion-index'] ?? '';
const isTracked = ({ metadata }: Pod): boolean => metadata.finalizers?.includes(trackingFinalizer) ?? false;
const isActive = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined && status?.phase === 'Running';
const has = ({ status }: Job, type: string): boolean =>
  status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;

/** Refuses the pods of namespaces whose name says so. */
const refusal: AnyPlugin = definePlugin({
  name: 'no-pods',
  version: '0.1.0',
  apiVersion: 1,
  setup(ctx) {
    ctx.tap(apiHooks.objectValidate, (object, { resource, operation }) => {
      const isRefused = resource === 'pods' && operation === 'CREATE' && object.metadata.namespace?.startsWith('full');
      return isRefused === true
        ? [{ field: 'spec', reason: 'FieldValueForbidden', message: 'Forbidden: no room' }]
        : [];
    });
  },
});

describe('controller-job', () => {
  let cluster: Cluster;
  let clock: Clock;
  beforeAll(async () => {
    clock = new Clock();
    const controllers = [jobController, ttlController, gcController];
    cluster = await startCluster({ controllers, clock, nodes: 1 });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const get = (namespace: string): Promise<Job> => cluster.api.get(jobs, { namespace, name: 'work' });
  const podsOf = async (namespace: string): Promise<Pod[]> => (await cluster.api.list(pods, { namespace })).items;
  const activeOf = async (namespace: string): Promise<Pod[]> => (await podsOf(namespace)).filter(isActive);
  const made = async (spec: Partial<JobSpec>, namespace?: string): Promise<string> => {
    const into = namespace ?? (await cluster.namespace());
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work:1' }] } };
    await cluster.api.create(jobs, { metadata: { name: 'work', namespace: into }, spec: { template, ...spec } });
    return into;
  };
  const runs = async (namespace: string, count: number): Promise<Pod[]> => {
    await cluster.until(`${count} running pods`, async () => (await activeOf(namespace)).length === count);
    return activeOf(namespace);
  };
  const patch = (namespace: string, spec: Partial<JobSpec>): Promise<Job> =>
    cluster.api.patch(jobs, { namespace, name: 'work' }, { type: 'merge', body: { spec } });
  const becomes = (namespace: string, type: string): Promise<unknown> =>
    cluster.until(`the job to be ${type}`, async () => has(await get(namespace), type));

  it('waits longer and longer before it replaces pods that fail', async () => {
    const namespace = await made({ backoffLimit: 5 });
    for (const delayMs of [10_000, 20_000, 40_000]) {
      const [pod] = await runs(namespace, 1);
      cluster.kubelet.finish(pod as Pod, 1);
      await cluster.until('the end of the pod', async () => (await activeOf(namespace)).length === 0);
      await cluster.quiet();
      await clock.advance(delayMs - 3000);
      await cluster.quiet();
      expect(await activeOf(namespace)).toEqual([]);
      const why = await explanation(namespace);
      expect(why).toContain('BackOff');
      await clock.advance(4000);
    }
    await runs(namespace, 1);
    expect((await get(namespace)).status).toMatchObject({ failed: 3, active: 1 });
  });

  const explanation = async (namespace: string): Promise<string[]> => {
    const found = cluster.server.kernel
      .service(explainers)
      .all()
      .filter(({ service }) => service.kinds().some(({ resource }) => resource === 'jobs'));
    const object = { group: 'batch', resource: 'jobs', namespace, name: 'work' };
    const answers = await Promise.all(found.map(({ service }) => service.explain(object)));
    return answers.flatMap((why) => (why?.causes ?? []).map(({ code }) => code));
  };

  it('ends the pods of a job that is active for too long', async () => {
    const namespace = await made({ activeDeadlineSeconds: 100, parallelism: 2, completions: 2 });
    await runs(namespace, 2);
    await cluster.quiet();
    await clock.advance(101_000);
    await becomes(namespace, 'Failed');
    const { status } = await get(namespace);
    expect(status?.conditions?.map(({ type, reason }) => `${type} ${reason}`)).toEqual([
      'FailureTarget DeadlineExceeded',
      'Failed DeadlineExceeded',
    ]);
    expect(status).toMatchObject({ failed: 2, uncountedTerminatedPods: {} });
    expect((await podsOf(namespace)).filter(isTracked)).toEqual([]);
  });

  it('is deleted with its pods when its time to live is over', async () => {
    const namespace = await made({ ttlSecondsAfterFinished: 100 });
    cluster.kubelet.finish((await runs(namespace, 1))[0] as Pod, 0);
    await becomes(namespace, 'Complete');
    await cluster.quiet();
    await clock.advance(90_000);
    await cluster.quiet();
    expect(has(await get(namespace), 'Complete')).toBe(true);
    await clock.advance(11_000);
    await cluster.until('all to be gone', async () => {
      const left = [...(await cluster.api.list(jobs, { namespace })).items, ...(await podsOf(namespace))];
      return left.length === 0;
    });
  });

  it.each(['Background', 'Foreground', 'Orphan'] as const)(
    'leaves no finalizer behind: %s deletion',
    async (policy) => {
      const namespace = await made({ parallelism: 3, completions: 3 });
      const [pod] = await runs(namespace, 3);
      cluster.kubelet.finish(pod as Pod, 0);
      await cluster.api.delete(jobs, { namespace, name: 'work' }, { propagationPolicy: policy });
      await cluster.until(
        'the job to go',
        async () => (await cluster.api.list(jobs, { namespace })).items.length === 0,
      );
      await cluster.until('the finalizers to go', async () => !(await podsOf(namespace)).some(isTracked));
      await cluster.until(
        'the pods that are left',
        async () => (await podsOf(namespace)).length === (policy === 'Orphan' ? 3 : 0),
      );
      await cluster.quiet();
    },
  );

  it('replaces pods only once they have ended, by podReplacementPolicy Failed', async () => {
    const namespace = await made({ podReplacementPolicy: 'Failed' });
    const { mayEnd } = cluster.kubelet;
    cluster.kubelet.mayEnd = (pod) => pod.metadata.namespace !== namespace;
    const [pod] = await runs(namespace, 1);
    await cluster.api.delete(pods, { namespace, name: pod?.metadata.name ?? '' });
    await cluster.until('the pod to terminate', async () => (await get(namespace)).status?.terminating === 1);
    await cluster.quiet();
    expect(await podsOf(namespace)).toHaveLength(1);
    cluster.kubelet.mayEnd = mayEnd;
    cluster.kubelet.look();
    await cluster.until('its end', async () => (await get(namespace)).status?.failed === 1);
    await clock.advance(11_000);
    await runs(namespace, 1);
    expect((await get(namespace)).status?.terminating).toBe(0);
  });

  it('has a back-off and a limit for each index', async () => {
    const namespace = await made({
      completionMode: 'Indexed',
      parallelism: 2,
      completions: 2,
      backoffLimitPerIndex: 1,
    });
    const one = async (index: string): Promise<Pod> => {
      const find = async (): Promise<Pod | undefined> =>
        (await activeOf(namespace)).find((pod) => indexOf(pod) === index);
      await cluster.until(`a pod of index ${index}`, find);
      return (await find()) as Pod;
    };
    cluster.kubelet.finish(await one('0'), 1);
    await cluster.until('the end of the pod', async () => (await activeOf(namespace)).length === 1);
    await cluster.quiet();
    expect((await activeOf(namespace)).map(indexOf)).toEqual(['1']);
    await clock.advance(11_000);
    const second = await one('0');
    expect(second.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count']).toBe('1');
    cluster.kubelet.finish(second, 1);
    await cluster.until('the index to fail', async () => (await get(namespace)).status?.failedIndexes === '0');
    cluster.kubelet.finish(await one('1'), 0);
    await becomes(namespace, 'Failed');
    expect((await get(namespace)).status).toMatchObject({ failed: 2, succeeded: 1, completedIndexes: '1' });
  });

  it('grows and shrinks when it works on all indexes at once', async () => {
    const namespace = await made({ completionMode: 'Indexed', parallelism: 2, completions: 2 });
    await runs(namespace, 2);
    await patch(namespace, { parallelism: 4, completions: 4 });
    expect((await runs(namespace, 4)).map(indexOf).toSorted()).toEqual(['0', '1', '2', '3']);
    await patch(namespace, { parallelism: 1, completions: 1 });
    expect((await runs(namespace, 1)).map(indexOf)).toEqual(['0']);
    cluster.kubelet.finish((await activeOf(namespace))[0] as Pod, 0);
    await becomes(namespace, 'Complete');
    expect((await get(namespace)).status).toMatchObject({ succeeded: 1, completedIndexes: '0' });
    expect((await get(namespace)).status?.failed).toBeUndefined();
  });

  it('takes fields of a manifest that are null for absent ones', async () => {
    const absent = null as never;
    const namespace = await made({
      managedBy: absent,
      activeDeadlineSeconds: absent,
      ttlSecondsAfterFinished: absent,
      podFailurePolicy: absent,
    });
    cluster.kubelet.finish((await runs(namespace, 1))[0] as Pod, 0);
    await becomes(namespace, 'Complete');
    await cluster.quiet();
    expect((await get(namespace)).status?.succeeded).toBe(1);
  });

  it('leaves jobs of other controllers alone', async () => {
    const namespace = await made({ managedBy: 'example.com/queue' });
    await cluster.quiet();
    expect(await podsOf(namespace)).toEqual([]);
    expect((await get(namespace)).status).toEqual({});
  });

  it('takes up work where another has left it, when it is switched off and on', async () => {
    const namespace = await made({ parallelism: 2, completions: 4 });
    const first = await runs(namespace, 2);
    const { control } = cluster.server.kernel;
    await control.disable('controller-job');
    for (const pod of first) cluster.kubelet.finish(pod, 0);
    await cluster.until('the ends', async () => (await activeOf(namespace)).length === 0);
    // One is deleted by somebody: the finalizer keeps it until its end is counted.
    await cluster.api.delete(pods, { namespace, name: first[0]?.metadata.name ?? '' });
    await control.enable('controller-job');
    for (const pod of await runs(namespace, 2)) cluster.kubelet.finish(pod, 0);
    await becomes(namespace, 'Complete');
    expect((await get(namespace)).status).toMatchObject({ succeeded: 4 });
    expect((await get(namespace)).status?.failed).toBeUndefined();
  });

  it('says that its pods are refused, and tries less and less often', async () => {
    await using full = await startCluster({
      controllers: [jobController],
      plugins: [refusal],
      clock: new Clock(),
      nodes: 0,
    });
    const namespace = await full.namespace('full');
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'work:1' }] } };
    const job = await full.api.create(jobs, { metadata: { name: 'work', namespace }, spec: { template } });
    await full.until('the event', async () =>
      (await full.eventsOf(job)).some(({ reason, type }) => reason === 'FailedCreate' && type === 'Warning'),
    );
    const errors = (): number =>
      full.server.kernel
        .service(controller)
        .all()
        .reduce((sum, { service }) => sum + service.status().errors, 0);
    await full.until('retries', () => errors() >= 8);
    expect((await full.api.get(jobs, { namespace, name: 'work' })).status).toMatchObject({ ready: 0 });
    expect(errors()).toBeLessThan(20);
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import gcController from '@timonel/plugin-controller-gc';
import jobController from '@timonel/plugin-controller-job';
import { jobs, pods, type Job, type JobSpec, type Pod, type SuccessPolicyRule } from '@timonel/sdk/kube';
import { startCluster, type Cluster } from './support/cluster.ts';

const indexKey = 'batch.kubernetes.io/job-completion-index';
const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
const at = (namespace: string, name = 'work'): { namespace: string; name: string } => ({ namespace, name });

function jobOf(namespace: string, command: readonly string[], spec: Partial<JobSpec> = {}): Job {
  const containers = [{ name: 'main', image: 'busybox:1', command: [...command] }];
  return {
    metadata: { name: 'work', namespace },
    spec: { template: { spec: { restartPolicy: 'Never', containers } }, ...spec },
  };
}

const indexOf = ({ metadata }: Pod): number => Number(metadata.annotations?.[indexKey]);
const isTracked = ({ metadata }: Pod): boolean => metadata.finalizers?.includes(trackingFinalizer) ?? false;
const typesOf = ({ status }: Job): string[] =>
  (status?.conditions ?? []).filter((condition) => condition.status === 'True').map(({ type }) => type);
const reasonOf = ({ status }: Job, type: string): string | undefined =>
  status?.conditions?.find((condition) => condition.type === type)?.reason;
const refused = { reason: 'Evicted', conditions: [{ type: 'DisruptionTarget', status: 'True' as const }] };

describe('apps: Job', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ controllers: [jobController, gcController] });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const get = (namespace: string): Promise<Job> => cluster.api.get(jobs, at(namespace));
  const podsOf = async (namespace: string): Promise<Pod[]> => (await cluster.api.list(pods, { namespace })).items;
  const made = async (command: readonly string[], spec: Partial<JobSpec> = {}): Promise<string> => {
    const namespace = await cluster.namespace();
    await cluster.api.create(jobs, jobOf(namespace, command, spec));
    return namespace;
  };
  const active = async (namespace: string, count: number): Promise<Pod[]> => {
    await cluster.until(`${count} ready pods`, async () => (await get(namespace)).status?.ready === count);
    return podsOf(namespace);
  };
  const over = async (namespace: string, type: 'Complete' | 'Failed'): Promise<Job> => {
    await cluster.until(`the job to be ${type}`, async () => {
      const types = typesOf(await get(namespace));
      if (type === 'Complete' && types.includes('Failed')) throw new Error('it has failed');
      return types.includes(type);
    });
    const job = await get(namespace);
    expect(job.status?.uncountedTerminatedPods).toEqual({});
    expect(job.status?.active).toBeUndefined();
    expect((await podsOf(namespace)).filter(isTracked)).toEqual([]);
    return job;
  };

  it('completes when all of its tasks succeed', async () => {
    const namespace = await made(['fake:exit', '0'], { parallelism: 2, completions: 4 });
    const job = await over(namespace, 'Complete');
    expect(job.status).toMatchObject({ succeeded: 4, ready: 0, terminating: 0 });
    expect(job.status?.failed).toBeUndefined();
    expect(job.status?.completionTime).toBeDefined();
    expect(typesOf(job)).toEqual(['SuccessCriteriaMet', 'Complete']);
    expect(reasonOf(job, 'Complete')).toBe('CompletionsReached');
    expect(await podsOf(namespace)).toHaveLength(4);
    const events = await cluster.eventsOf(job);
    expect(events.filter(({ reason }) => reason === 'SuccessfulCreate')).toHaveLength(4);
    expect(events.filter(({ reason }) => reason === 'Completed')).toHaveLength(1);
  });

  it('completes when tasks fail and are restarted by their node', async () => {
    const template = { spec: { restartPolicy: 'OnFailure', containers: [{ name: 'main', image: 'busybox:1' }] } };
    const namespace = await made([], { parallelism: 2, completions: 2, template });
    for (const pod of await active(namespace, 2)) cluster.kubelet.finish(pod, 1);
    await cluster.until('restarts', async () =>
      (await podsOf(namespace)).every((pod) => pod.status?.containerStatuses?.[0]?.restartCount === 1),
    );
    for (const pod of await podsOf(namespace)) cluster.kubelet.order(pod, 'ready');
    for (const pod of await active(namespace, 2)) cluster.kubelet.finish(pod, 0);
    expect((await over(namespace, 'Complete')).status).toMatchObject({ succeeded: 2 });
    expect(await podsOf(namespace)).toHaveLength(2);
  });

  it('runs as many pods at a time as its parallelism says, and all go with it', async () => {
    const namespace = await made([], { parallelism: 2, completions: 4 });
    const running = await active(namespace, 2);
    expect(running).toHaveLength(2);
    expect((await get(namespace)).status?.active).toBe(2);
    await cluster.api.delete(jobs, at(namespace), { propagationPolicy: 'Foreground' });
    await cluster.until('all to be gone', async () => (await podsOf(namespace)).length === 0);
    await cluster.until(
      'the job to be gone',
      async () => (await cluster.api.list(jobs, { namespace })).items.length === 0,
    );
  });

  it('adopts pods that match and belong to nobody, and releases those that match no more', async () => {
    const namespace = await made([], { parallelism: 2, completions: 2 });
    const [pod] = await active(namespace, 2);
    const name = pod?.metadata.name ?? '';
    const read = (): Promise<Pod> => cluster.api.get(pods, { namespace, name });
    await cluster.api.patch(
      pods,
      { namespace, name },
      { type: 'merge', body: { metadata: { ownerReferences: null } } },
    );
    await cluster.until('the adoption', async () => (await read()).metadata.ownerReferences?.[0]?.kind === 'Job');
    expect((await read()).metadata.finalizers).toEqual([trackingFinalizer]);
    const labels = { 'batch.kubernetes.io/controller-uid': null, 'controller-uid': null };
    await cluster.api.patch(pods, { namespace, name }, { type: 'merge', body: { metadata: { labels } } });
    await cluster.until('the release', async () => (await read()).metadata.ownerReferences === undefined);
    await cluster.until('its finalizer to go', async () => !isTracked(await read()));
    await cluster.until('another pod', async () => (await podsOf(namespace)).length === 3);
  });

  it('Indexed: gives each pod its index as annotation, label, variable and hostname', async () => {
    const namespace = await made(['fake:exit', '0'], { parallelism: 2, completions: 4, completionMode: 'Indexed' });
    const job = await over(namespace, 'Complete');
    expect(job.status).toMatchObject({ succeeded: 4, completedIndexes: '0-3' });
    const made4 = (await podsOf(namespace)).toSorted((a, b) => indexOf(a) - indexOf(b));
    expect(made4.map(indexOf)).toEqual([0, 1, 2, 3]);
    for (const [index, { metadata, spec }] of made4.entries()) {
      expect(metadata.name).toMatch(new RegExp(`^work-${index}-[a-z0-9]{5}$`));
      expect(metadata.labels?.[indexKey]).toBe(`${index}`);
      expect(spec.hostname).toBe(`work-${index}`);
      const fieldPath = `metadata.labels['${indexKey}']`;
      expect(spec.containers[0]?.env).toMatchObject([
        { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { fieldPath } } },
      ]);
    }
  });

  it('fails when more pods have failed than its back-off limit allows', async () => {
    const namespace = await made(['fake:exit', '1'], { backoffLimit: 0, parallelism: 1, completions: 1 });
    const job = await over(namespace, 'Failed');
    expect(job.status).toMatchObject({ failed: 1 });
    expect(typesOf(job)).toEqual(['FailureTarget', 'Failed']);
    expect(reasonOf(job, 'Failed')).toBe('BackoffLimitExceeded');
    await cluster.until('the event', async () =>
      (await cluster.eventsOf(job)).some(({ type, reason }) => type === 'Warning' && reason === 'BackoffLimitExceeded'),
    );
  });

  it('podFailurePolicy FailJob: fails at once by an exit code', async () => {
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [3] } }];
    const namespace = await made([], { parallelism: 2, completions: 2, podFailurePolicy: { rules } });
    const [pod] = await active(namespace, 2);
    cluster.kubelet.finish(pod as Pod, 3);
    const job = await over(namespace, 'Failed');
    expect(reasonOf(job, 'FailureTarget')).toBe('PodFailurePolicy');
    expect(job.status?.conditions?.find(({ type }) => type === 'Failed')?.message).toBe(
      `Container main for pod ${namespace}/${pod?.metadata.name} failed with exit code 3 matching FailJob rule at index 0`,
    );
    expect(job.status?.failed).toBe(2);
  });

  it('podFailurePolicy Ignore: does not count pods that were disrupted', async () => {
    const rules = [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }];
    const namespace = await made([], { backoffLimit: 0, parallelism: 1, completions: 1, podFailurePolicy: { rules } });
    const [pod] = await active(namespace, 1);
    cluster.kubelet.order(pod as Pod, { failed: refused });
    await cluster.until('the finalizer to go', async () => !(await podsOf(namespace)).some(isTracked));
    await cluster.quiet();
    const { status } = await get(namespace);
    expect(status?.failed).toBeUndefined();
    expect(typesOf(await get(namespace))).toEqual([]);
  });

  it('podFailurePolicy FailIndex: fails an index by an exit code', async () => {
    const rules = [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [42] } }];
    const spec = { completionMode: 'Indexed', backoffLimitPerIndex: 3, podFailurePolicy: { rules } };
    const namespace = await made([], { ...spec, parallelism: 2, completions: 2 });
    for (const pod of await active(namespace, 2)) cluster.kubelet.finish(pod, indexOf(pod) === 0 ? 42 : 0);
    const job = await over(namespace, 'Failed');
    expect(job.status).toMatchObject({ failedIndexes: '0', completedIndexes: '1', succeeded: 1, failed: 1 });
    expect(reasonOf(job, 'Failed')).toBe('FailedIndexes');
  });

  it('backoffLimitPerIndex: runs the other indexes to their end, then fails', async () => {
    const spec = { completionMode: 'Indexed', backoffLimitPerIndex: 0, parallelism: 2, completions: 4 };
    const namespace = await cluster.namespace();
    const { script } = cluster.kubelet;
    cluster.kubelet.script = (pod) =>
      pod.metadata.namespace === namespace ? { exitCode: indexOf(pod) % 2 } : script(pod);
    await cluster.api.create(jobs, jobOf(namespace, [], spec));
    const job = await over(namespace, 'Failed');
    cluster.kubelet.script = script;
    expect(job.status).toMatchObject({ failedIndexes: '1,3', completedIndexes: '0,2', succeeded: 2, failed: 2 });
    expect(reasonOf(job, 'Failed')).toBe('FailedIndexes');
  });

  it('maxFailedIndexes: ends all indexes when more have failed', async () => {
    const spec = { completionMode: 'Indexed', backoffLimitPerIndex: 0, maxFailedIndexes: 1 };
    const namespace = await made([], { ...spec, parallelism: 4, completions: 4 });
    for (const pod of await active(namespace, 4)) if (indexOf(pod) < 2) cluster.kubelet.finish(pod, 1);
    const job = await over(namespace, 'Failed');
    expect(reasonOf(job, 'Failed')).toBe('MaxFailedIndexesExceeded');
    expect(job.status).toMatchObject({ failedIndexes: '0,1', failed: 4 });
  });

  it.each<[string, SuccessPolicyRule[], number[]]>([
    ['all indexes', [{ succeededIndexes: '0,1' }], [0, 1]],
    ['a number of any indexes', [{ succeededCount: 1 }], [3]],
    ['a number of some indexes', [{ succeededIndexes: '0-2', succeededCount: 1 }], [2]],
  ])('successPolicy: %s', async (_, rules, ends) => {
    const spec = { completionMode: 'Indexed', parallelism: 4, completions: 4, successPolicy: { rules } };
    const namespace = await made([], spec);
    for (const pod of await active(namespace, 4)) if (ends.includes(indexOf(pod))) cluster.kubelet.finish(pod, 0);
    const job = await over(namespace, 'Complete');
    expect(typesOf(job)).toEqual(['SuccessCriteriaMet', 'Complete']);
    expect(reasonOf(job, 'SuccessCriteriaMet')).toBe('SuccessPolicy');
    expect(job.status).toMatchObject({ succeeded: ends.length, completedIndexes: ends.join(',') });
    expect(job.status?.failed).toBeUndefined();
  });

  it('is suspended and resumed: its pods go and come, and it starts anew', async () => {
    const namespace = await made([], { suspend: true, parallelism: 2, completions: 2 });
    await cluster.until('Suspended', async () => typesOf(await get(namespace)).includes('Suspended'));
    expect((await get(namespace)).status?.startTime).toBeUndefined();
    const suspend = (value: boolean): Promise<Job> =>
      cluster.api.patch(jobs, at(namespace), { type: 'merge', body: { spec: { suspend: value } } });
    await suspend(false);
    await active(namespace, 2);
    expect((await get(namespace)).status?.startTime).toBeDefined();
    await suspend(true);
    await cluster.until('no pods', async () => (await podsOf(namespace)).length === 0);
    await cluster.until('Suspended', async () => typesOf(await get(namespace)).includes('Suspended'));
    await suspend(false);
    for (const pod of await active(namespace, 2)) cluster.kubelet.finish(pod, 0);
    const job = await over(namespace, 'Complete');
    expect(job.status?.failed).toBeUndefined();
    const told = (await cluster.eventsOf(job)).map(({ reason, count }) => `${reason} ${count}`);
    expect(told).toEqual(expect.arrayContaining(['Suspended 2', 'Resumed 2']));
  });

  it('serves its status by patch and update', async () => {
    const namespace = await made([], { parallelism: 1, completions: 1 });
    await active(namespace, 1);
    const conditions = [{ type: 'Example', status: 'True' }];
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs/work/status`;
    const answer = await cluster.server.send('PATCH', path, {
      type: 'application/merge-patch+json',
      body: { status: { conditions } },
    });
    expect(answer).toMatchObject({ status: 200, body: { status: { conditions } } });
    await cluster.quiet();
    expect(typesOf(await get(namespace))).toEqual(['Example']);
    expect((await cluster.server.send('GET', path)).body.status.active).toBe(1);
  });
});

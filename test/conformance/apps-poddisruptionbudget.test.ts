import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import disruption from '@timonel/plugin-controller-disruption';
import { podDisruptionBudgets, pods, type Pod, type PodDisruptionBudget } from '@timonel/sdk/kube';
import { startCluster, type Cluster } from './support/cluster.ts';
import { isReady } from './support/pod-status.ts';

const labels = { app: 'web' };
const path = (namespace: string, rest = ''): string =>
  `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets${rest}`;

describe('apps: PodDisruptionBudget', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ controllers: [disruption], nodes: 1 });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const get = (namespace: string): Promise<PodDisruptionBudget> =>
    cluster.api.get(podDisruptionBudgets, { namespace, name: 'keep' });
  const make = (namespace: string, spec: PodDisruptionBudget['spec'], name = 'keep'): Promise<PodDisruptionBudget> =>
    cluster.api.create(podDisruptionBudgets, {
      metadata: { name, namespace, labels },
      spec: { selector: { matchLabels: labels }, ...spec },
    });
  const run = async (namespace: string, count: number, command: string[] = []): Promise<void> => {
    const containers = [{ name: 'main', image: 'pause:1', command }];
    for (let n = 0; n < count; n++) {
      await cluster.api.create(pods, { metadata: { name: `web-${n}`, namespace, labels }, spec: { containers } });
    }
  };
  const podsOf = async (namespace: string): Promise<readonly Pod[]> =>
    (await cluster.api.list(pods, { namespace })).items;
  const areReady = (namespace: string, count: number): Promise<unknown> =>
    cluster.until(`${count} ready pods`, async () => (await podsOf(namespace)).filter(isReady).length === count);
  const observed = (namespace: string): Promise<unknown> =>
    cluster.until('the budget to be looked at', async () => {
      const { metadata, status } = await get(namespace);
      return status?.observedGeneration === metadata.generation;
    });
  const allows = (namespace: string, count: number): Promise<unknown> =>
    cluster.until(`${count} disruptions`, async () => {
      const { metadata, status } = await get(namespace);
      return status?.observedGeneration === metadata.generation && status?.disruptionsAllowed === count;
    });
  const evict = (namespace: string, name: string) =>
    cluster.server.send('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, {
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
    });

  it('is created, read, listed in all namespaces, replaced, patched and deleted: all verbs', async () => {
    const namespace = await cluster.namespace();
    await make(namespace, { minAvailable: 1 });
    await observed(namespace);
    const read = await cluster.server.send('GET', path(namespace, '/keep'));
    expect(read.body).toMatchObject({ kind: 'PodDisruptionBudget', spec: { minAvailable: 1 } });
    const all = await cluster.server.send('GET', '/apis/policy/v1/poddisruptionbudgets');
    expect(all.body.items.some(({ metadata }: PodDisruptionBudget) => metadata.namespace === namespace)).toBe(true);
    const { resourceVersion: _, ...metadata } = read.body.metadata;
    const replaced = { ...read.body, metadata, spec: { ...read.body.spec, minAvailable: '50%' } };
    expect((await cluster.server.send('PUT', path(namespace, '/keep'), { body: replaced })).status).toBe(200);
    const type = 'application/merge-patch+json';
    const body = { spec: { minAvailable: null, maxUnavailable: 2 } };
    const patched = await cluster.server.send('PATCH', path(namespace, '/keep'), { type, body });
    expect(patched.body.spec).toMatchObject({ maxUnavailable: 2 });
    expect(patched.body.spec.minAvailable).toBeUndefined();
    expect((await cluster.server.send('DELETE', path(namespace, '/keep'))).status).toBe(200);
    expect((await cluster.server.send('GET', path(namespace, '/keep'))).status).toBe(404);
  });

  it('deletes a collection', async () => {
    const namespace = await cluster.namespace();
    for (const name of ['keep', 'also']) await make(namespace, { minAvailable: 1 }, name);
    const answer = await cluster.server.send('DELETE', path(namespace, '?labelSelector=app%3Dweb'));
    expect(answer.status).toBe(200);
    expect((await cluster.api.list(podDisruptionBudgets, { namespace })).items).toEqual([]);
  });

  it('observes its pods: the status counts them', async () => {
    const namespace = await cluster.namespace();
    await make(namespace, { minAvailable: 1 });
    await allows(namespace, 0);
    await run(namespace, 3);
    await allows(namespace, 2);
    expect((await get(namespace)).status).toMatchObject({ expectedPods: 3, currentHealthy: 3, desiredHealthy: 1 });
    expect((await get(namespace)).status?.conditions).toMatchObject([{ type: 'DisruptionAllowed', status: 'True' }]);
  });

  it('has a status that is patched and replaced by itself', async () => {
    const namespace = await cluster.namespace();
    await make(namespace, { minAvailable: 1 });
    await run(namespace, 1);
    await allows(namespace, 0);
    await cluster.quiet();
    const type = 'application/merge-patch+json';
    const patch = {
      metadata: { annotations: { by: 'test' } },
      status: { disruptedPods: { gone: '2026-01-01T00:00:00Z' } },
    };
    const patched = await cluster.server.send('PATCH', path(namespace, '/keep/status'), { type, body: patch });
    expect(patched.body.status.disruptedPods).toEqual(patch.status.disruptedPods);
    // The controller takes out what is not there.
    await cluster.until(
      'the controller to mend it',
      async () => (await get(namespace)).status?.disruptedPods === undefined,
    );
    await cluster.quiet();
    const now = await get(namespace);
    const body = { ...now, spec: { minAvailable: 9 }, status: { ...now.status, currentHealthy: 7 } };
    const replaced = await cluster.server.send('PUT', path(namespace, '/keep/status'), { body });
    expect(replaced.body).toMatchObject({ spec: { minAvailable: 1 }, status: { currentHealthy: 7 } });
  });

  it.each<[string, PodDisruptionBudget['spec'], number, boolean]>([
    ['minAvailable leaves one over', { minAvailable: 1 }, 2, true],
    ['minAvailable leaves none over', { minAvailable: 2 }, 2, false],
    ['a share leaves none over', { minAvailable: '90%' }, 2, false],
  ])('an eviction where %s', async (_what, spec, count, goes) => {
    const namespace = await cluster.namespace();
    await run(namespace, count);
    await areReady(namespace, count);
    await make(namespace, spec);
    await observed(namespace);
    const answer = await evict(namespace, 'web-0');
    expect(answer.status).toBe(goes ? 201 : 429);
  });

  it('refuses an eviction with 429 and the reason until it allows it', async () => {
    const namespace = await cluster.namespace();
    await make(namespace, { minAvailable: 2 });
    await run(namespace, 2);
    await areReady(namespace, 2);
    await allows(namespace, 0);
    await cluster.quiet();
    const refused = await evict(namespace, 'web-0');
    expect(refused.status).toBe(429);
    expect(refused.body).toMatchObject({
      reason: 'TooManyRequests',
      details: { causes: [{ reason: 'DisruptionBudget' }] },
    });
    const body = { spec: { minAvailable: 1 } };
    const at = { namespace, name: 'keep' };
    await cluster.api.patch(podDisruptionBudgets, at, { type: 'merge', body });
    await allows(namespace, 1);
    expect((await evict(namespace, 'web-0')).status).toBe(201);
    await cluster.until('the pod to go', async () => (await podsOf(namespace)).length === 1);
    expect((await evict(namespace, 'web-1')).status).toBe(429);
    await cluster.api.delete(podDisruptionBudgets, at);
    expect((await evict(namespace, 'web-1')).status).toBe(201);
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import gcController from '@timonel/plugin-controller-gc';
import { controllerOf, pods, replicaSets, type Pod, type ReplicaSet } from '@timonel/sdk/kube';
import { inOrder, replicaSetOf } from '../integration/controllers-cluster.ts';
import { podQuota } from './pod-quota.ts';
import { startCluster, type Cluster } from './support/cluster.ts';

const labels = { app: 'web' };

describe('apps: ReplicaSet', () => {
  const quota = podQuota();
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ controllers: [replicaSetController, gcController], plugins: [quota.plugin] });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const at = (namespace: string): { namespace: string; name: string } => ({ namespace, name: 'web' });
  const get = (namespace: string): Promise<ReplicaSet> => cluster.api.get(replicaSets, at(namespace));
  const podsOf = async (namespace: string): Promise<readonly Pod[]> =>
    (await cluster.api.list(pods, { namespace })).items;
  const made = async (replicas: number, more: Partial<ReplicaSet['spec']> = {}): Promise<string> => {
    const namespace = await cluster.namespace();
    const { spec } = replicaSetOf('web', replicas);
    await cluster.api.create(replicaSets, { metadata: { ...at(namespace), labels }, spec: { ...spec, ...more } });
    return namespace;
  };
  const available = async (namespace: string, replicas: number): Promise<void> => {
    await cluster.until(`${replicas} available replicas`, async () => {
      const { metadata, status } = await get(namespace);
      const counts = [status?.replicas, status?.readyReplicas, status?.availableReplicas];
      return status?.observedGeneration === metadata.generation && counts.every((count) => count === replicas);
    });
  };

  it('all replicas run and are kept: a pod that is deleted or fails is replaced', async () => {
    const namespace = await made(3);
    await available(namespace, 3);
    const [deleted, failed] = await podsOf(namespace);
    await cluster.api.delete(pods, { namespace, name: deleted?.metadata.name ?? '' });
    cluster.kubelet.order(failed as Pod, { failed: { reason: 'Evicted' } });
    await cluster.until('three others', async () => {
      const running = (await podsOf(namespace)).filter(({ status }) => status?.phase === 'Running');
      return running.length === 3 && running.every(({ metadata }) => metadata.uid !== failed?.metadata.uid);
    });
    await available(namespace, 3);
    for (const pod of await podsOf(namespace)) {
      expect(pod.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
      expect(controllerOf(pod)).toMatchObject({ kind: 'ReplicaSet', name: 'web' });
    }
  });

  it('adopts a matching pod and releases it when its labels stray', async () => {
    const namespace = await cluster.namespace();
    const { template } = replicaSetOf('web', 1).spec;
    await cluster.api.create(pods, {
      metadata: { name: 'orphan', namespace, labels },
      spec: template?.spec ?? { containers: [] },
    });
    const { spec } = replicaSetOf('web', 1);
    await cluster.api.create(replicaSets, { metadata: at(namespace), spec });
    await available(namespace, 1);
    const adopted = await podsOf(namespace);
    expect(adopted.map((pod) => [pod.metadata.name, controllerOf(pod)?.name])).toEqual([['orphan', 'web']]);
    const body = { metadata: { labels: { app: 'other' } } };
    await cluster.api.patch(pods, { namespace, name: 'orphan' }, { type: 'merge', body });
    await cluster.until('a replacement', async () => (await podsOf(namespace)).length === 2);
    const released = await cluster.api.get(pods, { namespace, name: 'orphan' });
    expect(released.metadata.ownerReferences).toBeUndefined();
  });

  it('is scaled through the scale subresource', async () => {
    const namespace = await made(1);
    await available(namespace, 1);
    const scale = await cluster.api.getSubresource(replicaSets, at(namespace), 'scale');
    expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 1 }, status: { replicas: 1, selector: 'app=web' } });
    const body = { spec: { replicas: 3 } };
    await cluster.api.patch(replicaSets, at(namespace), { type: 'merge', body }, { subresource: 'scale' });
    await available(namespace, 3);
    expect((await get(namespace)).spec.replicas).toBe(3);
  });

  it('the status says what is ready, available and terminating, and can be read, patched and replaced', async () => {
    const namespace = await made(2);
    await available(namespace, 2);
    const held = new Set((await podsOf(namespace)).map(({ metadata }) => metadata.uid));
    cluster.kubelet.mayEnd = ({ metadata }) => !held.has(metadata.uid);
    const [first] = await podsOf(namespace);
    await cluster.api.delete(pods, { namespace, name: first?.metadata.name ?? '' });
    await cluster.until('a pod more that is terminating', async () => {
      const { status } = await get(namespace);
      return status?.terminatingReplicas === 1 && status.availableReplicas === 2;
    });
    cluster.kubelet.mayEnd = () => true;
    cluster.kubelet.look();
    await cluster.until('its end', async () => (await get(namespace)).status?.terminatingReplicas === 0);
    const condition = { type: 'StatusUpdate', status: 'True' as const, reason: 'Test', message: 'from a test' };
    const path = `/apis/apps/v1/namespaces/${namespace}/replicasets/web/status`;
    const { status: code, body } = await cluster.server.send('GET', path);
    expect([code, body.status.replicas]).toEqual([200, 2]);
    await cluster.api.patch(
      replicaSets,
      at(namespace),
      { type: 'merge', body: { status: { conditions: [condition] } } },
      { subresource: 'status' },
    );
    await cluster.quiet();
    const kept = await get(namespace);
    // The controller leaves conditions of others alone.
    expect(kept.status?.conditions).toMatchObject([condition]);
    const replaced = await cluster.api.updateStatus(replicaSets, {
      ...kept,
      status: { replicas: 2, ...kept.status, conditions: [{ ...condition, reason: 'Again' }] },
    });
    expect(replaced.status?.conditions).toMatchObject([{ reason: 'Again' }]);
  });

  it('is replaced and patched, and follows', async () => {
    const namespace = await made(1);
    await available(namespace, 1);
    const { metadata, spec } = await get(namespace);
    await cluster.api.update(replicaSets, { metadata, spec: { ...spec, replicas: 2 } });
    await available(namespace, 2);
    const containers = [{ name: 'main', image: 'web:2' }];
    const body = {
      metadata: { labels: { patched: 'yes' } },
      spec: { replicas: 3, template: { spec: { containers } } },
    };
    await cluster.api.patch(replicaSets, at(namespace), { type: 'strategic', body });
    await available(namespace, 3);
    const images = (await podsOf(namespace)).map((pod) => pod.spec.containers[0]?.image);
    expect(inOrder(images)).toEqual(['web:1', 'web:1', 'web:2']);
  });

  it('list and deletion of a collection: sets and their pods go', async () => {
    const namespace = await made(2);
    await cluster.api.create(replicaSets, { ...replicaSetOf('other', 1), metadata: { namespace, name: 'other' } });
    const selection = { namespace, labelSelector: 'app=web' };
    expect((await cluster.api.list(replicaSets, selection)).items).toHaveLength(1);
    const everywhere = await cluster.server.send('GET', '/apis/apps/v1/replicasets?labelSelector=app%3Dweb');
    expect(everywhere.body.items.length).toBeGreaterThanOrEqual(1);
    const path = `/apis/apps/v1/namespaces/${namespace}/replicasets?labelSelector=app%3Dweb`;
    expect((await cluster.server.send('DELETE', path)).status).toBe(200);
    await cluster.until('its pods to go', async () => {
      const names = (await podsOf(namespace)).map(({ metadata }) => metadata.labels?.['app']);
      return !names.includes('web');
    });
    expect((await cluster.api.list(replicaSets, { namespace })).items.map(({ metadata }) => metadata.name)).toEqual([
      'other',
    ]);
  });

  it('counts a pod as available only after minReadySeconds', async () => {
    const namespace = await made(1, { minReadySeconds: 600 });
    await cluster.until('a ready replica', async () => (await get(namespace)).status?.readyReplicas === 1);
    await cluster.quiet();
    expect((await get(namespace)).status?.availableReplicas ?? 0).toBe(0);
    await cluster.api.patch(replicaSets, at(namespace), { type: 'merge', body: { spec: { minReadySeconds: 0 } } });
    await available(namespace, 1);
  });

  it('deletes the pod of the lowest deletion cost first, and one that is not ready before', async () => {
    const namespace = await made(3);
    await available(namespace, 3);
    const [cheap, dear, broken] = (await podsOf(namespace)) as [Pod, Pod, Pod];
    const cost = (pod: Pod, value: string): Promise<Pod> => {
      const body = { metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': value } } };
      return cluster.api.patch(pods, { namespace, name: pod.metadata.name ?? '' }, { type: 'merge', body });
    };
    await cost(cheap, '-10');
    await cost(dear, '10');
    cluster.kubelet.order(broken, 'running');
    await cluster.until('two ready ones', async () => (await get(namespace)).status?.readyReplicas === 2);
    const left: string[][] = [];
    for (const replicas of [2, 1]) {
      await cluster.api.patch(replicaSets, at(namespace), { type: 'merge', body: { spec: { replicas } } });
      await cluster.until('one less', async () => (await podsOf(namespace)).length === replicas);
      left.push((await podsOf(namespace)).map(({ metadata }) => metadata.uid ?? ''));
    }
    expect(inOrder(left[0] ?? [])).toEqual(inOrder([cheap, dear].map(({ metadata }) => metadata.uid)));
    expect(left[1]).toEqual([dear.metadata.uid]);
  });

  it('says by ReplicaFailure that a quota keeps pods from being made, retries, and does not run hot', async () => {
    const namespace = await cluster.namespace();
    quota.allow(namespace, 1);
    await cluster.api.create(replicaSets, { metadata: at(namespace), spec: replicaSetOf('web', 3).spec });
    await cluster.until('the failure', async () => {
      const conditions = (await get(namespace)).status?.conditions ?? [];
      return conditions.some(({ type, reason }) => type === 'ReplicaFailure' && reason === 'FailedCreate');
    });
    const set = await get(namespace);
    expect(set.status).toMatchObject({
      replicas: 1,
      conditions: [{ message: expect.stringContaining('exceeded quota') }],
    });
    const refusals = quota.refusals;
    await cluster.until('more attempts', () => quota.refusals >= refusals + 3);
    // Each attempt is refused with other words: the status stays as it is.
    expect((await get(namespace)).status?.conditions).toEqual(set.status?.conditions);
    await cluster.until('an event', async () =>
      (await cluster.eventsOf(set)).some(({ reason, type }) => reason === 'FailedCreate' && type === 'Warning'),
    );
    quota.allow(namespace, 100);
    await available(namespace, 3);
    expect((await get(namespace)).status?.conditions).toBeUndefined();
  });
});

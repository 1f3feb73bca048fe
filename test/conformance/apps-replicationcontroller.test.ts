import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import replicationController from '@timonel/plugin-controller-replicationcontroller';
import gcController from '@timonel/plugin-controller-gc';
import { controllerOf, pods, replicationControllers, type Pod, type ReplicationController } from '@timonel/sdk/kube';
import { podQuota } from './pod-quota.ts';
import { startCluster, type Cluster } from './support/cluster.ts';

const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'web:1' }] } };

describe('apps: ReplicationController', () => {
  const quota = podQuota();
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({
      controllers: [replicationController, gcController],
      plugins: [quota.plugin],
      nodes: 0,
    });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const at = (namespace: string): { namespace: string; name: string } => ({ namespace, name: 'web' });
  const get = (namespace: string): Promise<ReplicationController> =>
    cluster.api.get(replicationControllers, at(namespace));
  const podsOf = async (namespace: string): Promise<readonly Pod[]> =>
    (await cluster.api.list(pods, { namespace })).items;
  const create = (namespace: string, replicas: number): Promise<ReplicationController> =>
    cluster.api.create(replicationControllers, {
      metadata: { ...at(namespace), labels },
      spec: { replicas, selector: labels, template },
    });
  const available = async (namespace: string, replicas: number): Promise<ReplicationController> => {
    await cluster.until(`${replicas} available replicas`, async () => {
      const { metadata, status } = await get(namespace);
      const counts = [status?.replicas, status?.availableReplicas ?? 0];
      return status?.observedGeneration === metadata.generation && counts.every((count) => count === replicas);
    });
    return get(namespace);
  };
  const scaleTo = (namespace: string, replicas: number): Promise<unknown> =>
    cluster.api.patch(
      replicationControllers,
      at(namespace),
      { type: 'merge', body: { spec: { replicas } } },
      { subresource: 'scale' },
    );

  it('all replicas run and are kept: a pod that is deleted or fails is replaced', async () => {
    const namespace = await cluster.namespace();
    await create(namespace, 2);
    await available(namespace, 2);
    const [deleted, failed] = await podsOf(namespace);
    await cluster.api.delete(pods, { namespace, name: deleted?.metadata.name ?? '' });
    cluster.kubelet.order(failed as Pod, { failed: { reason: 'Evicted' } });
    await cluster.until('two others', async () => {
      const running = (await podsOf(namespace)).filter(({ status }) => status?.phase === 'Running');
      return running.length === 2 && running.every(({ metadata }) => metadata.uid !== failed?.metadata.uid);
    });
    const owner = await available(namespace, 2);
    for (const pod of await podsOf(namespace)) {
      expect(controllerOf(pod)).toMatchObject({
        apiVersion: 'v1',
        kind: 'ReplicationController',
        uid: owner.metadata.uid,
      });
    }
    await cluster.quiet();
    const events = await cluster.eventsOf(owner);
    expect(new Set(events.map(({ reason, source }) => `${source?.component} ${reason}`))).toEqual(
      new Set(['replication-controller SuccessfulCreate']),
    );
  });

  it('has the condition ReplicaFailure while a quota is exceeded, and loses it when it asks for less', async () => {
    const namespace = await cluster.namespace();
    quota.allow(namespace, 2);
    await create(namespace, 3);
    await cluster.until('the failure', async () =>
      (await get(namespace)).status?.conditions?.some(
        ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
      ),
    );
    const failing = await get(namespace);
    expect(failing.status?.conditions).toMatchObject([
      { reason: 'FailedCreate', message: expect.stringContaining('exceeded quota') },
    ]);
    await scaleTo(namespace, 2);
    expect((await available(namespace, 2)).status?.conditions).toBeUndefined();
  });

  it('adopts matching pods', async () => {
    const namespace = await cluster.namespace();
    await cluster.api.create(pods, { metadata: { name: 'orphan', namespace, labels }, spec: template.spec });
    await create(namespace, 1);
    await available(namespace, 1);
    expect((await podsOf(namespace)).map((pod) => [pod.metadata.name, controllerOf(pod)?.name])).toEqual([
      ['orphan', 'web'],
    ]);
  });

  it('releases pods that do not match any more, and replaces them', async () => {
    const namespace = await cluster.namespace();
    await create(namespace, 1);
    await available(namespace, 1);
    const [pod] = await podsOf(namespace);
    const name = pod?.metadata.name ?? '';
    await cluster.api.patch(
      pods,
      { namespace, name },
      { type: 'merge', body: { metadata: { labels: { app: 'other' } } } },
    );
    await cluster.until('a replacement', async () => (await podsOf(namespace)).length === 2);
    expect((await cluster.api.get(pods, { namespace, name })).metadata.ownerReferences).toBeUndefined();
  });

  it('life with a watch: made, patched, its status patched, updated, deleted as a collection', async () => {
    const namespace = await cluster.namespace();
    const events = cluster.record(replicationControllers, namespace);
    await create(namespace, 1);
    await available(namespace, 1);
    const patched = await cluster.api.patch(replicationControllers, at(namespace), {
      type: 'strategic',
      body: { metadata: { labels: { 'test-rc': 'patched' } }, spec: { replicas: 2 } },
    });
    expect(patched.metadata.labels).toEqual({ ...labels, 'test-rc': 'patched' });
    await available(namespace, 2);
    const path = `/api/v1/namespaces/${namespace}/replicationcontrollers`;
    const status = await cluster.server.send('PATCH', `${path}/web/status`, {
      type: 'application/merge-patch+json',
      body: { status: { conditions: [{ type: 'Seen', status: 'True' }] } },
    });
    expect([status.status, status.body.status.conditions[0].type]).toEqual([200, 'Seen']);
    await cluster.quiet();
    const { metadata, spec } = await get(namespace);
    await cluster.api.update(replicationControllers, { metadata, spec: { ...spec, replicas: 0 } });
    await available(namespace, 0);
    const everywhere = await cluster.server.send(
      'GET',
      '/api/v1/replicationcontrollers?labelSelector=test-rc%3Dpatched',
    );
    expect(everywhere.body.items).toHaveLength(1);
    expect((await cluster.server.send('DELETE', `${path}?labelSelector=test-rc%3Dpatched`)).status).toBe(200);
    await cluster.until('the end in the watch', () => events.at(-1)?.type === 'DELETED');
    expect(events[0]).toMatchObject({ type: 'ADDED' });
    expect(events.some(({ type, object }) => type === 'MODIFIED' && object.status?.availableReplicas === 2)).toBe(true);
  });

  it('is scaled through the scale subresource', async () => {
    const namespace = await cluster.namespace();
    await create(namespace, 1);
    await available(namespace, 1);
    const scale = await cluster.api.getSubresource(replicationControllers, at(namespace), 'scale');
    expect(scale).toMatchObject({
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      spec: { replicas: 1 },
      status: { replicas: 1 },
    });
    await scaleTo(namespace, 2);
    await available(namespace, 2);
    await scaleTo(namespace, 0);
    await available(namespace, 0);
    expect(await podsOf(namespace)).toEqual([]);
  });
});

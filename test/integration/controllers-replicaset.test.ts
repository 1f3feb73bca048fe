import { describe, expect, it } from '@jest/globals';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import { controller } from '@timonel/sdk/contracts/controller';
import { controllerOf, coreEvents, namespaces, pods, replicaSets, type Pod } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { startCluster } from '../conformance/support/cluster.ts';
import { inOrder, replicaSetOf, startTestCluster, type TestCluster } from './controllers-cluster.ts';

const at = { namespace: 'default', name: 'web' };
const podsOf = async ({ api }: TestCluster): Promise<Pod[]> => (await api.list(pods, { namespace: 'default' })).items;

async function settled(cluster: TestCluster, replicas: number): Promise<void> {
  await until(
    async () => {
      const { status } = await cluster.api.get(replicaSets, at);
      return status?.availableReplicas === replicas && status.replicas === replicas;
    },
    { what: `${replicas} available replicas` },
  );
  await cluster.quiet();
}

describe('controller-replicaset', () => {
  it('makes the pods, replaces a deleted one, scales, writes nothing when nothing changes', async () => {
    await using cluster = await startTestCluster({ controllers: [replicaSetController] });
    const sets = cluster.record(replicaSets);
    const podEvents = cluster.record(pods);
    await cluster.api.create(replicaSets, replicaSetOf('web', 3));
    await settled(cluster, 3);
    const three = await podsOf(cluster);
    expect(three).toHaveLength(3);
    for (const pod of three) {
      expect(pod.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
      expect(controllerOf(pod)).toMatchObject({ kind: 'ReplicaSet', name: 'web' });
    }
    const victim = three[0]?.metadata.name ?? '';
    await cluster.api.delete(pods, { namespace: 'default', name: victim });
    await settled(cluster, 3);
    expect((await podsOf(cluster)).map((pod) => pod.metadata.name)).not.toContain(victim);
    await cluster.api.patch(replicaSets, at, { type: 'merge', body: { spec: { replicas: 1 } } });
    await settled(cluster, 1);
    expect(await podsOf(cluster)).toHaveLength(1);
    const { metadata, status } = await cluster.api.get(replicaSets, at);
    expect(status).toEqual({
      replicas: 1,
      fullyLabeledReplicas: 1,
      readyReplicas: 1,
      availableReplicas: 1,
      terminatingReplicas: 0,
      observedGeneration: metadata.generation,
    });
    expect(podEvents.filter(({ type }) => type === 'ADDED')).toHaveLength(4);
    const written = sets.length + podEvents.length;
    await cluster.quiet();
    expect(sets.length + podEvents.length).toBe(written);
    const events = (await cluster.api.list(coreEvents, { namespace: 'default' })).items;
    expect(new Set(events.map(({ reason }) => reason))).toEqual(new Set(['SuccessfulCreate', 'SuccessfulDelete']));
  });

  it('adopts a matching pod and releases one whose labels stray', async () => {
    await using cluster = await startTestCluster({ controllers: [replicaSetController] });
    const { template } = replicaSetOf('web', 1).spec;
    await cluster.api.create(pods, {
      metadata: { name: 'orphan', namespace: 'default', labels: { app: 'web' } },
      spec: template?.spec ?? { containers: [] },
    });
    await cluster.api.create(replicaSets, replicaSetOf('web', 1));
    await settled(cluster, 1);
    expect((await podsOf(cluster)).map(({ metadata }) => metadata.name)).toEqual(['orphan']);
    await cluster.api.patch(
      pods,
      { namespace: 'default', name: 'orphan' },
      { type: 'merge', body: { metadata: { labels: { app: 'other' } } } },
    );
    await settled(cluster, 1);
    await until(async () => (await podsOf(cluster)).length === 2, { what: 'a replacement' });
    const released = await cluster.api.get(pods, { namespace: 'default', name: 'orphan' });
    expect(released.metadata.ownerReferences).toBeUndefined();
  });

  it('does exactly the work needed: 60 replicas are 60 creations, 50 fewer are 50 deletions', async () => {
    await using cluster = await startTestCluster({ controllers: [replicaSetController] });
    const events = cluster.record(pods);
    await cluster.api.create(replicaSets, replicaSetOf('web', 60));
    await settled(cluster, 60);
    await cluster.api.patch(replicaSets, at, { type: 'merge', body: { spec: { replicas: 10 } } });
    await settled(cluster, 10);
    expect(events.filter(({ type }) => type === 'ADDED')).toHaveLength(60);
    expect(events.filter(({ type }) => type === 'DELETED')).toHaveLength(50);
  });

  it('leaves the pods of another with the same selector alone', async () => {
    await using cluster = await startTestCluster({ controllers: [replicaSetController] });
    const events = cluster.record(pods);
    const twin = { ...replicaSetOf('web', 2), metadata: { name: 'twin', namespace: 'default' } };
    await Promise.all([cluster.api.create(replicaSets, replicaSetOf('web', 3)), cluster.api.create(replicaSets, twin)]);
    await settled(cluster, 3);
    const [victim] = await podsOf(cluster);
    await cluster.api.delete(pods, { namespace: 'default', name: victim?.metadata.name ?? '' });
    await settled(cluster, 3);
    const owners = (await podsOf(cluster)).map((pod) => controllerOf(pod)?.name);
    expect(inOrder(owners)).toEqual(['twin', 'twin', 'web', 'web', 'web']);
    expect(events.filter(({ type }) => type === 'ADDED')).toHaveLength(6);
  });

  it('makes nothing in a namespace that goes, and does not complain', async () => {
    // Nobody empties the namespace: it stays as it is while it goes.
    await using cluster = await startCluster({ controllers: [replicaSetController], nodes: 0 });
    const namespace = await cluster.namespace();
    const sets = cluster.record(replicaSets, namespace);
    await cluster.api.create(replicaSets, { ...replicaSetOf('web', 2), metadata: { namespace, name: 'web' } });
    const available = (count: number): Promise<unknown> =>
      cluster.until(`${count} available replicas`, async () => {
        const { status } = await cluster.api.get(replicaSets, { namespace, name: 'web' });
        return status?.availableReplicas === count;
      });
    await available(2);
    await cluster.api.delete(namespaces, { name: namespace });
    const [victim] = (await cluster.api.list(pods, { namespace })).items;
    await cluster.api.delete(pods, { namespace, name: victim?.metadata.name ?? '' });
    await available(1);
    await cluster.quiet();
    expect(sets.flatMap(({ object }) => object.status?.conditions ?? [])).toEqual([]);
    const [running] = cluster.server.kernel.service(controller).all();
    expect(running?.service.status()).toMatchObject({ name: 'replicaset', errors: 0, delayed: 0 });
  });
});

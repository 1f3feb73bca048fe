import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import statefulSetController from '@timonel/plugin-controller-statefulset';
import type { WatchEvent } from '@timonel/sdk/contracts/api';
import { pods, statefulSets, type Pod, type StatefulSet } from '@timonel/sdk/kube';
import { startCluster, type Cluster } from './support/cluster.ts';
import { isReady } from './support/pod-status.ts';

const labels = { app: 'web' };

function webSet(namespace: string, replicas: number, more: Partial<StatefulSet['spec']> = {}): StatefulSet {
  return {
    metadata: { name: 'web', namespace, labels },
    spec: {
      replicas,
      serviceName: 'web',
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'web:1' }] } },
      ...more,
    },
  };
}

const imageOf = (pod: Pod): string | undefined => pod.spec.containers[0]?.image;
const nameOf = (pod: Pod): string => pod.metadata.name ?? '';

describe('apps: StatefulSet', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({ controllers: [statefulSetController], nodes: 0 });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const get = (namespace: string): Promise<StatefulSet> => cluster.api.get(statefulSets, { namespace, name: 'web' });
  const podsOf = async (namespace: string): Promise<Pod[]> =>
    (await cluster.api.list(pods, { namespace })).items.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const patch = (namespace: string, spec: unknown): Promise<StatefulSet> =>
    cluster.api.patch(statefulSets, { namespace, name: 'web' }, { type: 'strategic', body: { spec } });
  const roll = (namespace: string, tag: string): Promise<StatefulSet> =>
    patch(namespace, { template: { spec: { containers: [{ name: 'main', image: `web:${tag}` }] } } });
  const settled = async (namespace: string, replicas: number): Promise<StatefulSet> => {
    await cluster.until(`${replicas} ready replicas`, async () => {
      const { metadata, status } = await get(namespace);
      const counts = [status?.replicas, status?.readyReplicas];
      return status?.observedGeneration === metadata.generation && counts.every((count) => count === replicas);
    });
    return get(namespace);
  };
  /** `kubectl rollout status` has seen the end. */
  const rolledOut = async (namespace: string): Promise<StatefulSet> => {
    await cluster.until('the end of the roll-out', async () => {
      const { metadata, spec, status } = await get(namespace);
      const observed = status?.observedGeneration === metadata.generation;
      return observed && status?.readyReplicas === spec.replicas && status?.updateRevision === status?.currentRevision;
    });
    return get(namespace);
  };
  const made = async (replicas: number, more: Partial<StatefulSet['spec']> = {}): Promise<string> => {
    const namespace = await cluster.namespace();
    await cluster.api.create(statefulSets, webSet(namespace, replicas, more));
    return namespace;
  };
  const order = (events: readonly WatchEvent<Pod>[], type: string): string[] =>
    events.filter((event) => event.type === type).map(({ object }) => nameOf(object));
  const scriptAll = async (namespace: string, script: 'ready' | 'running'): Promise<void> => {
    for (const pod of await podsOf(namespace)) cluster.kubelet.order(pod, script);
    const wanted = script === 'ready';
    await cluster.until(`all pods ${script}`, async () =>
      (await podsOf(namespace)).every((pod) => isReady(pod) === wanted),
    );
  };

  it('scales up and down in order, and halts while a pod is unhealthy', async () => {
    const namespace = await made(1);
    const events = cluster.record(pods, namespace);
    await settled(namespace, 1);
    await scriptAll(namespace, 'running');
    await patch(namespace, { replicas: 3 });
    await cluster.quiet();
    expect((await podsOf(namespace)).map(nameOf)).toEqual(['web-0']);
    await scriptAll(namespace, 'ready');
    await settled(namespace, 3);
    expect(order(events, 'ADDED')).toEqual(['web-0', 'web-1', 'web-2']);
    await scriptAll(namespace, 'running');
    await patch(namespace, { replicas: 0 });
    await cluster.quiet();
    expect(await podsOf(namespace)).toHaveLength(3);
    await scriptAll(namespace, 'ready');
    await settled(namespace, 0);
    expect(order(events, 'DELETED')).toEqual(['web-2', 'web-1', 'web-0']);
  });

  it('Parallel scales in a burst, past unhealthy pods', async () => {
    const namespace = await made(1, { podManagementPolicy: 'Parallel' });
    await settled(namespace, 1);
    await scriptAll(namespace, 'running');
    await patch(namespace, { replicas: 3 });
    await cluster.until('three pods', async () => (await podsOf(namespace)).length === 3);
    await scriptAll(namespace, 'running');
    await patch(namespace, { replicas: 0 });
    await settled(namespace, 0);
  });

  it('rolls a new template out from the highest ordinal down, and back again', async () => {
    const namespace = await made(3);
    const first = await rolledOut(namespace);
    const before = await podsOf(namespace);
    for (const pod of before)
      expect(pod.metadata.labels?.['controller-revision-hash']).toBe(first.status?.currentRevision);
    const events = cluster.record(pods, namespace);
    cluster.kubelet.order(before[1] as Pod, 'running');
    await cluster.until('an unready pod', async () => (await get(namespace)).status?.readyReplicas === 2);
    await roll(namespace, '2');
    await cluster.until('a new revision', async () => {
      const { status } = await get(namespace);
      return (
        status?.currentRevision === first.status?.currentRevision &&
        status?.updateRevision !== first.status?.updateRevision
      );
    });
    await cluster.quiet();
    expect((await podsOf(namespace)).map(imageOf)).toEqual(['web:1', 'web:1', 'web:1']);
    cluster.kubelet.order(before[1] as Pod, 'ready');
    const second = await rolledOut(namespace);
    expect(order(events, 'DELETED')).toEqual(['web-2', 'web-1', 'web-0']);
    expect((await podsOf(namespace)).map(imageOf)).toEqual(['web:2', 'web:2', 'web:2']);
    expect(second.status).toMatchObject({ currentReplicas: 3, updatedReplicas: 3 });
    await roll(namespace, '1');
    const back = await rolledOut(namespace);
    expect(back.status?.currentRevision).toBe(first.status?.currentRevision);
    expect((await podsOf(namespace)).map(imageOf)).toEqual(['web:1', 'web:1', 'web:1']);
  });

  it('a partition makes canaries and phases of a roll-out, and holds through deletion', async () => {
    const rolling = (partition: number) => ({
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } },
    });
    const namespace = await made(3, rolling(3));
    const { status: first } = await rolledOut(namespace);
    await roll(namespace, '2');
    await cluster.until(
      'a new revision',
      async () => (await get(namespace)).status?.updateRevision !== first?.updateRevision,
    );
    await cluster.quiet();
    expect((await podsOf(namespace)).map(imageOf)).toEqual(['web:1', 'web:1', 'web:1']);
    const images = (wanted: string[]): Promise<unknown> =>
      cluster.until(wanted.join(' '), async () => {
        const found = await podsOf(namespace);
        return found.every(isReady) && found.map(imageOf).join(' ') === wanted.join(' ');
      });
    await patch(namespace, rolling(2));
    await images(['web:1', 'web:1', 'web:2']);
    for (const name of ['web-0', 'web-2']) await cluster.api.delete(pods, { namespace, name });
    await images(['web:1', 'web:1', 'web:2']);
    await settled(namespace, 3);
    expect((await get(namespace)).status).toMatchObject({
      currentRevision: first?.currentRevision,
      currentReplicas: 2,
      updatedReplicas: 1,
    });
    await patch(namespace, rolling(1));
    await images(['web:1', 'web:2', 'web:2']);
    await patch(namespace, rolling(0));
    await rolledOut(namespace);
    await images(['web:2', 'web:2', 'web:2']);
  });

  it('OnDelete replaces pods when somebody deletes them', async () => {
    const namespace = await made(2, { updateStrategy: { type: 'OnDelete' } });
    await settled(namespace, 2);
    await roll(namespace, '2');
    await cluster.until('a new revision', async () => {
      const { status } = await get(namespace);
      return status?.updateRevision !== status?.currentRevision;
    });
    await cluster.quiet();
    expect((await podsOf(namespace)).map(imageOf)).toEqual(['web:1', 'web:1']);
    await cluster.api.delete(pods, { namespace, name: 'web-1' });
    await cluster.until('the new pod', async () => {
      const found = await podsOf(namespace);
      return found.map(imageOf).join(' ') === 'web:1 web:2' && found.every(isReady);
    });
  });

  it('makes evicted and failed pods anew', async () => {
    const namespace = await made(1);
    await settled(namespace, 1);
    const [evicted] = await podsOf(namespace);
    cluster.kubelet.order(evicted as Pod, { failed: { reason: 'Evicted', message: 'The node was low on memory.' } });
    await cluster.until('another pod', async () => {
      const [pod] = await podsOf(namespace);
      return pod !== undefined && pod.metadata.uid !== evicted?.metadata.uid && isReady(pod);
    });
    const [next] = await podsOf(namespace);
    cluster.kubelet.order(next as Pod, { failed: { reason: 'NodePorts' } });
    await cluster.until('another pod', async () => {
      const [pod] = await podsOf(namespace);
      return pod !== undefined && pod.metadata.uid !== next?.metadata.uid && isReady(pod);
    });
    const reasons = (await cluster.eventsOf(await get(namespace))).map(({ reason }) => reason);
    expect(reasons).toContain('RecreatingFailedPod');
  });

  it('scales by the scale subresource', async () => {
    const namespace = await made(1);
    await settled(namespace, 1);
    const path = `/apis/apps/v1/namespaces/${namespace}/statefulsets/web/scale`;
    const { body: scale } = await cluster.server.send('GET', path);
    expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 1 }, status: { replicas: 1, selector: 'app=web' } });
    await cluster.server.send('PUT', path, { body: { ...scale, spec: { replicas: 2 } } });
    await settled(namespace, 2);
    await cluster.server.send('PATCH', path, { body: { spec: { replicas: 3 } }, type: 'application/merge-patch+json' });
    await settled(namespace, 3);
  });

  it('keeps conditions that others write to the status, and counts beside them', async () => {
    const namespace = await made(1);
    const set = await settled(namespace, 1);
    const condition = { type: 'StatusUpdate', status: 'True' as const, reason: 'E2E', message: 'set by a test' };
    const status = { ...set.status, replicas: 0, conditions: [condition] };
    await cluster.api.updateStatus(statefulSets, { ...set, status });
    await cluster.until('the counts', async () => {
      const { status: after } = await get(namespace);
      return after?.replicas === 1 && after.conditions?.[0]?.type === 'StatusUpdate';
    });
  });

  it('is listed, patched and deleted as a collection', async () => {
    const namespace = await made(1);
    await settled(namespace, 1);
    expect((await cluster.api.list(statefulSets, { labelSelector: 'app=web', namespace })).items).toHaveLength(1);
    const containers = [{ name: 'main', image: 'web:2' }];
    const template = { spec: { terminationGracePeriodSeconds: 5, containers } };
    await patch(namespace, { replicas: 2, template });
    await settled(namespace, 2);
    await rolledOut(namespace);
    const path = `/apis/apps/v1/namespaces/${namespace}/statefulsets?labelSelector=app%3Dweb`;
    expect((await cluster.server.send('DELETE', path)).status).toBe(200);
    expect((await cluster.api.list(statefulSets, { namespace })).items).toHaveLength(0);
  });
});

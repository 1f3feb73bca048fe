/** controller-taintmanager, alone and with controller-nodelifecycle, on the real API server and a clock that the test moves on. */
import { describe, expect, it } from '@jest/globals';
import nodeLifecycle from '@timonel/plugin-controller-nodelifecycle';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import taintManager from '@timonel/plugin-controller-taintmanager';
import { isPodActive, isPodReady } from '@timonel/sdk/controller';
import { nodes, pods, replicaSets, type Pod, type Toleration } from '@timonel/sdk/kube';
import { Clock } from '../conformance/support/clock.ts';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';
import { protectPods } from '../support/protected-pods.ts';
import { replicaSetOf } from './controllers-cluster.ts';

const taint = { key: 'example.com/broken', effect: 'NoExecute' };
const tolerated = (tolerationSeconds: number): Toleration[] => [
  { key: taint.key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds },
];

async function podOn(
  cluster: Cluster,
  name: string,
  tolerations: Toleration[] = [],
): Promise<() => Promise<Pod | undefined>> {
  const namespace = await cluster.namespace();
  const spec = { nodeName: 'node-0', tolerations, containers: [{ name: 'main', image: 'web:1' }] };
  await cluster.api.create(pods, { metadata: { name, namespace }, spec });
  const read = async (): Promise<Pod | undefined> => (await cluster.api.list(pods, { namespace })).items[0];
  await cluster.until('the pod to be ready', async () =>
    isPodReady((await read()) ?? { metadata: {}, spec: { containers: [] } }),
  );
  return read;
}

const setTaints = (cluster: Cluster, taints: readonly object[]): Promise<unknown> =>
  cluster.api.patch(nodes, { name: 'node-0' }, { type: 'merge', body: { spec: { taints } } });

describe('controller-taintmanager', () => {
  it('deletes at once, after the time that is tolerated, or not at all', async () => {
    const clock = new Clock();
    await using cluster = await startCluster({
      controllers: [taintManager],
      nodes: 1,
      clock,
      kubelet: { mayEnd: () => false },
    });
    const intolerant = await podOn(cluster, 'intolerant');
    const patient = await podOn(cluster, 'patient', tolerated(60));
    const faithful = await podOn(cluster, 'faithful', [{ key: taint.key, operator: 'Exists' }]);
    const isGoing = async (read: () => Promise<Pod | undefined>): Promise<boolean> =>
      (await read())?.metadata.deletionTimestamp !== undefined;
    await setTaints(cluster, [taint]);
    await cluster.until('the intolerant pod to go', () => isGoing(intolerant));
    const gone = await intolerant();
    expect(gone?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' }),
    );
    // The other conditions stay.
    expect(gone?.status?.conditions?.map(({ type }) => type)).toContain('Ready');
    await cluster.until('the event', async () =>
      (await cluster.eventsOf(gone ?? { metadata: {} })).some(({ reason }) => reason === 'TaintManagerEviction'),
    );
    await cluster.quiet();
    await clock.advance(55_000);
    await cluster.quiet();
    expect(await isGoing(patient)).toBe(false);
    await clock.advance(10_000);
    await cluster.until('the patient pod to go', () => isGoing(patient));
    await clock.advance(600_000);
    await cluster.quiet();
    expect(await isGoing(faithful)).toBe(false);
  });

  it('spares a pod when the taint goes in time, and says so', async () => {
    const clock = new Clock();
    await using cluster = await startCluster({ controllers: [taintManager], nodes: 1, clock });
    const patient = await podOn(cluster, 'patient', tolerated(60));
    await setTaints(cluster, [taint]);
    await cluster.quiet();
    await clock.advance(50_000);
    await cluster.quiet();
    await setTaints(cluster, []);
    await cluster.until('the event', async () =>
      (await cluster.eventsOf((await patient()) ?? { metadata: {} })).some(({ message }) =>
        message?.includes('is not deleted'),
      ),
    );
    await clock.advance(60_000);
    await cluster.quiet();
    // Counted anew.
    await setTaints(cluster, [taint]);
    await cluster.quiet();
    await clock.advance(50_000);
    await cluster.quiet();
    expect((await patient())?.metadata.deletionTimestamp).toBeUndefined();
  });

  it('evicts what became due while it was disabled, once it is enabled again', async () => {
    const clock = new Clock();
    await using cluster = await startCluster({ controllers: [taintManager], nodes: 1, clock });
    const intolerant = await podOn(cluster, 'intolerant');
    const { control } = cluster.server.kernel;
    await control.disable('controller-taintmanager');
    await setTaints(cluster, [taint]);
    await clock.advance(60_000);
    expect((await intolerant())?.metadata.deletionTimestamp).toBeUndefined();
    await control.enable('controller-taintmanager');
    await cluster.until('the pod to go', async () => (await intolerant()) === undefined);
  });

  it('evicts the others when the deletion of one is refused, and does not write to that one again and again', async () => {
    const clock = new Clock();
    await using cluster = await startCluster({
      controllers: [taintManager],
      plugins: [protectPods()],
      nodes: 1,
      clock,
    });
    const pod = await podOn(cluster, 'protected');
    const others = await Promise.all(['q', 'r'].map((name) => podOn(cluster, name)));
    await setTaints(cluster, [taint]);
    for (const read of others) await cluster.until('the others to go', async () => (await read()) === undefined);
    await cluster.quiet();
    const before = await pod();
    expect(before?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True' }),
    );
    for (let n = 0; n < 5; n++) {
      await clock.advance(6000);
      await cluster.quiet();
    }
    expect(await pod()).toEqual(before);
  });

  it('evicts from a node that is being deleted and held by a finalizer, and taints it', async () => {
    await using cluster = await startCluster({ controllers: [nodeLifecycle, taintManager], nodes: 1 });
    const pod = await podOn(cluster, 'intolerant');
    const patch = (body: object): Promise<unknown> =>
      cluster.api.patch(nodes, { name: 'node-0' }, { type: 'merge', body });
    await patch({ metadata: { finalizers: ['example.com/machine'] } });
    await cluster.api.delete(nodes, { name: 'node-0' });
    await patch({ spec: { unschedulable: true, taints: [taint] } });
    await cluster.until('the pod to go', async () => (await pod()) === undefined);
    await cluster.until('the taint', async () =>
      (await cluster.api.get(nodes, { name: 'node-0' })).spec.taints?.some(
        ({ key }) => key === 'node.kubernetes.io/unschedulable',
      ),
    );
    await patch({ metadata: { finalizers: null } });
  });

  it('with the life cycle of nodes: pods of a dead node are replaced on another after 300 s, those of a node that returns stay', async () => {
    const clock = new Clock();
    await using cluster = await startCluster({
      controllers: [nodeLifecycle, taintManager, replicaSetController],
      nodes: 3,
      heartbeatMs: 10_000,
      clock,
    });
    const namespace = await cluster.namespace();
    const set = replicaSetOf('web', 6);
    await cluster.api.create(replicaSets, { ...set, metadata: { name: 'web', namespace } });
    const ready = async (): Promise<Pod[]> =>
      (await cluster.api.list(pods, { namespace })).items.filter((pod) => isPodActive(pod) && isPodReady(pod));
    await cluster.until('six ready pods', async () => (await ready()).length === 6);
    await cluster.quiet();
    await clock.advance(60_000);
    const before = (await ready()).map(({ metadata }) => metadata.uid);
    cluster.nodes.cut('node-1');
    await clock.advance(200_000);
    await cluster.nodes.join('node-1');
    cluster.kubelet.look();
    await cluster.quiet();
    await clock.advance(400_000);
    await cluster.quiet();
    expect((await ready()).map(({ metadata }) => metadata.uid)).toEqual(before);

    cluster.nodes.cut('node-0');
    // Lost after 50 s, then tolerated for 300 s.
    for (const ms of [60_000, 280_000, 30_000]) {
      await clock.advance(ms);
      await cluster.quiet();
    }
    await cluster.until('the pods of the dead node to be replaced', async () => {
      const now = await ready();
      return now.length === 6 && now.every(({ spec }) => spec.nodeName !== 'node-0');
    });
    expect((await cluster.api.list(pods, { namespace })).items.some(({ spec }) => spec.nodeName === 'node-0')).toBe(
      true,
    );
    await cluster.nodes.join('node-0');
    cluster.kubelet.look();
    await cluster.until(
      'the old pods to be gone',
      async () => (await cluster.api.list(pods, { namespace })).items.length === 6,
    );
  });
});

/** controller-nodelifecycle on the real API server, on a clock that the test moves on. */
import { describe, expect, it } from '@jest/globals';
import nodeLifecycle from '@timonel/plugin-controller-nodelifecycle';
import runtimeFake from '@timonel/plugin-runtime-fake';
import { explainers } from '@timonel/sdk/contracts/why';
import { isPodReady } from '@timonel/sdk/controller';
import { coreEvents, leases, nodes, pods, type Node, type Taint } from '@timonel/sdk/kube';
import { MemoryStore } from '../../plugins/store-memory/src/memory-store.ts';
import { Clock } from '../conformance/support/clock.ts';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';
import { UnsteadyStore } from '../support/unsteady-store.ts';

const heartbeatMs = 10_000;

interface Bed extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly clock: Clock;
  node(name: string): Promise<Node>;
  /** `key:effect` of each taint. */
  taints(name: string): Promise<string[]>;
  ready(name: string): Promise<string | undefined>;
}

async function bed(nodeCount: number, config: object = {}): Promise<Bed> {
  const clock = new Clock();
  const cluster = await startCluster({
    controllers: [nodeLifecycle],
    nodes: nodeCount,
    heartbeatMs,
    clock,
    config: { 'controller-nodelifecycle': config },
  });
  const node = (name: string): Promise<Node> => cluster.api.get(nodes, { name });
  const text = ({ key, effect }: Taint): string => `${key.replace('node.kubernetes.io/', '')}:${effect}`;
  return {
    cluster,
    clock,
    node,
    taints: async (name) => ((await node(name)).spec.taints ?? []).map(text).sort((a, b) => (a < b ? -1 : 1)),
    ready: async (name) => (await node(name)).status?.conditions?.find(({ type }) => type === 'Ready')?.status,
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

const lost = ['unreachable:NoExecute', 'unreachable:NoSchedule'];

describe('controller-nodelifecycle', () => {
  it('marks a node that died, taints it, and marks its pods as not ready; when it is back, the taints go', async () => {
    await using b = await bed(2);
    const { cluster, clock } = b;
    const namespace = await cluster.namespace();
    const spec = { nodeName: 'node-0', containers: [{ name: 'main', image: 'web:1' }] };
    await cluster.api.create(pods, { metadata: { name: 'a', namespace }, spec });
    const pod = () => cluster.api.get(pods, { namespace, name: 'a' });
    await cluster.until('the pod to be ready', async () => isPodReady(await pod()));
    await cluster.quiet();
    await clock.advance(60_000);
    await cluster.quiet();
    expect([await b.ready('node-0'), await b.taints('node-0')]).toEqual(['True', []]);

    cluster.nodes.cut('node-0');
    await clock.advance(39_000);
    await cluster.quiet();
    expect(await b.ready('node-0')).toBe('True');
    await clock.advance(21_000);
    await cluster.until('the node to be Unknown', async () => (await b.ready('node-0')) === 'Unknown');
    await cluster.until('the taints', async () => (await b.taints('node-0')).length === 2);
    expect(await b.taints('node-0')).toEqual(lost);
    await cluster.until('the pod not to be ready', async () => !isPodReady(await pod()));
    const conditions = (await b.node('node-0')).status?.conditions ?? [];
    expect(conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
      'Ready Unknown NodeStatusUnknown',
      'MemoryPressure Unknown NodeStatusNeverUpdated',
      'DiskPressure Unknown NodeStatusNeverUpdated',
      'PIDPressure Unknown NodeStatusNeverUpdated',
    ]);
    await cluster.until('the event', async () =>
      (await cluster.api.list(coreEvents)).items.some(
        ({ reason, involvedObject }) => reason === 'NodeNotReady' && involvedObject.name === 'a',
      ),
    );
    const [why] = await Promise.all(
      cluster.server.kernel
        .service(explainers)
        .all()
        .filter(({ plugin }) => plugin === 'controller-nodelifecycle')
        .map(({ service }) => service.explain({ group: '', resource: 'nodes', name: 'node-0' })),
    );
    expect(why?.causes.map(({ code }) => code)).toEqual(['node-unreachable', 'evicts-pods']);
    await cluster.quiet();
    const changes = cluster.record(nodes);
    await cluster.until('the record to begin', () => changes.length === 2);
    await clock.advance(60_000);
    await cluster.quiet();
    expect(changes).toHaveLength(2);

    await cluster.nodes.join('node-0');
    await cluster.until('the taints to go', async () => (await b.taints('node-0')).length === 0);
    expect(await b.taints('node-1')).toEqual([]);
  });

  it('taints by condition and by cordon, and leaves the taints of others alone', async () => {
    await using b = await bed(1);
    const { cluster } = b;
    const own = { key: 'team', value: 'a', effect: 'NoSchedule' };
    const spec = (body: object) =>
      cluster.api.patch(nodes, { name: 'node-0' }, { type: 'merge', body: { spec: body } });
    await spec({ unschedulable: true, taints: [own] });
    const pressure = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'NetworkUnavailable'];
    const body = { status: { conditions: pressure.map((type) => ({ type, status: 'True' })) } };
    await cluster.api.patch(nodes, { name: 'node-0' }, { type: 'strategic', body }, { subresource: 'status' });
    const all = [
      'disk-pressure:NoSchedule',
      'memory-pressure:NoSchedule',
      'network-unavailable:NoSchedule',
      'pid-pressure:NoSchedule',
      'team:NoSchedule',
      'unschedulable:NoSchedule',
    ];
    await cluster.until('the taints', async () => (await b.taints('node-0')).length === all.length);
    expect(await b.taints('node-0')).toEqual(all);
    await spec({ unschedulable: false });
    await cluster.quiet();
    await cluster.nodes.join('node-0');
    await cluster.until('the taints to go', async () => (await b.taints('node-0')).length === 1);
    expect((await b.node('node-0')).spec.taints).toEqual([own]);
  });

  it('evicts nothing when all nodes are lost, nor at once when the first is back', async () => {
    await using b = await bed(3);
    const { cluster, clock } = b;
    await cluster.quiet();
    await clock.advance(60_000);
    for (const name of cluster.nodes.names) cluster.nodes.cut(name);
    await clock.advance(70_000);
    for (const name of cluster.nodes.names) {
      await cluster.until(`${name} to be Unknown`, async () => (await b.ready(name)) === 'Unknown');
    }
    await cluster.quiet();
    await clock.advance(60_000);
    await cluster.quiet();
    for (const name of cluster.nodes.names) expect(await b.taints(name)).toEqual(['unreachable:NoSchedule']);
    await cluster.nodes.join('node-0');
    await cluster.until('the first to be untainted', async () => (await b.taints('node-0')).length === 0);
    await cluster.quiet();
    await clock.advance(40_000);
    await cluster.quiet();
    expect(await b.taints('node-1')).toEqual(['unreachable:NoSchedule']);
    await clock.advance(30_000);
    // Those that do not return lose their pods, one after the other.
    await cluster.until('the others to be tainted', async () => {
      await cluster.quiet();
      await clock.advance(5000);
      return (await b.taints('node-1')).length === 2 && (await b.taints('node-2')).length === 2;
    });
  });

  it('believes no lease to be old before it has watched for as long itself', async () => {
    const clock = new Clock();
    await using cluster = await startCluster({ controllers: [nodeLifecycle], nodes: 0, clock });
    // The masters are back after an hour; the nodes have not written since.
    const longAgo = new Date(clock.env.clock.now() - 3_600_000).toISOString();
    const ready = { type: 'Ready', status: 'True' as const, lastHeartbeatTime: longAgo };
    for (const name of ['a', 'b']) {
      await cluster.api.create(leases, {
        metadata: { name, namespace: 'kube-node-lease' },
        spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: longAgo.replace('Z', '000Z') },
      });
      const node = await cluster.api.create(nodes, { metadata: { name }, spec: {} });
      await cluster.api.updateStatus(nodes, { ...node, status: { conditions: [ready] } });
    }
    await cluster.quiet();
    await clock.advance(40_000);
    await cluster.quiet();
    const states = async (): Promise<(string | undefined)[]> =>
      (await cluster.api.list(nodes)).items.map(
        ({ status }) => status?.conditions?.find(({ type }) => type === 'Ready')?.status,
      );
    expect(await states()).toEqual(['True', 'True']);
    await clock.advance(30_000);
    await cluster.until('them to be Unknown', async () => (await states()).every((state) => state === 'Unknown'));
  });

  it('does not take it for silence of the nodes when the API was away', async () => {
    const clock = new Clock();
    const memory = new MemoryStore(clock.env);
    const store = new UnsteadyStore(memory);
    const controllers = [nodeLifecycle];
    await using cluster = await startCluster({ controllers, nodes: 2, heartbeatMs, clock, store });
    const shown = async (): Promise<unknown[]> =>
      (await cluster.api.list(nodes)).items.map(({ spec, status }) => [spec.taints, status?.conditions]);
    await cluster.quiet();
    await clock.advance(60_000);
    const before = await shown();
    for (const outage of ['refuses', 'hangs'] as const) {
      store.outage = outage;
      await clock.advance(600_000);
      store.outage = 'none';
      await clock.advance(60_000);
      await cluster.quiet();
    }
    expect(await shown()).toEqual(before);
    memory.close();
  });

  it('sees the nodes of runtime-fake live', async () => {
    const clock = new Clock();
    await using cluster = await startCluster({
      controllers: [nodeLifecycle],
      plugins: [runtimeFake],
      nodes: 0,
      clock,
      config: { 'runtime-fake': { nodes: 3 } },
    });
    await cluster.until('the nodes', async () => (await cluster.api.list(nodes)).items.length === 3);
    await cluster.quiet();
    await clock.advance(600_000);
    await cluster.quiet();
    const { items } = await cluster.api.list(nodes);
    expect(items.map(({ status }) => status?.conditions?.map(({ type, status: is }) => `${type} ${is}`))).toEqual(
      Array.from({ length: 3 }, () => ['Ready True']),
    );
  });
});

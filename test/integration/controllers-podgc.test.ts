/** controller-podgc on the real API server, on a clock that the test moves on. */
import { describe, expect, it } from '@jest/globals';
import podGc from '@timonel/plugin-controller-podgc';
import { nodes, pods, type Pod } from '@timonel/sdk/kube';
import { Clock } from '../conformance/support/clock.ts';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';
import { protectPods } from '../support/protected-pods.ts';

const podSpec = (more: object = {}): Pod['spec'] => ({ containers: [{ name: 'main', image: 'web:1' }], ...more });

async function names(cluster: Cluster, namespace: string): Promise<string[]> {
  const { items } = await cluster.api.list(pods, { namespace });
  return items.map(({ metadata }) => metadata.name ?? '');
}

describe('controller-podgc', () => {
  it('removes the pods of a node that stays away for 40 s, as failed, not those of one that is back', async () => {
    const clock = new Clock();
    await using cluster = await startCluster({
      controllers: [podGc],
      nodes: 2,
      clock,
      kubelet: { mayEnd: () => false },
    });
    const namespace = await cluster.namespace();
    for (const n of [0, 1]) {
      await cluster.api.create(pods, {
        metadata: { name: `p${n}`, namespace },
        spec: podSpec({ nodeName: `node-${n}` }),
      });
    }
    await cluster.until('the pods to run', async () =>
      (await cluster.api.list(pods, { namespace })).items.every(({ status }) => status?.phase === 'Running'),
    );
    const changes = cluster.record(pods, namespace);
    await cluster.nodes.remove('node-0');
    await cluster.nodes.remove('node-1');
    await cluster.quiet();
    await clock.advance(30_000);
    await cluster.quiet();
    expect(await names(cluster, namespace)).toEqual(['p0', 'p1']);
    await cluster.nodes.add('node-1');
    await clock.advance(20_000);
    await cluster.until('the orphan to be gone', async () => (await names(cluster, namespace)).join() === 'p1');
    await clock.advance(60_000);
    await cluster.quiet();
    expect(await names(cluster, namespace)).toEqual(['p1']);
    const last = changes.findLast(({ type, object }) => type === 'MODIFIED' && object.metadata.name === 'p0')?.object;
    expect(last?.status?.phase).toBe('Failed');
    expect(last?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', reason: 'DeletionByPodGC' }),
    );
  });

  it('ends at once what an out-of-service node will not end', async () => {
    await using cluster = await startCluster({ controllers: [podGc], nodes: 1, kubelet: { mayEnd: () => false } });
    const namespace = await cluster.namespace();
    const node = { name: 'node-0' };
    for (const name of ['stays', 'goes']) {
      await cluster.api.create(pods, { metadata: { name, namespace }, spec: podSpec({ nodeName: 'node-0' }) });
    }
    await cluster.api.delete(pods, { namespace, name: 'goes' });
    cluster.nodes.cut('node-0');
    const taints = [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }];
    await cluster.api.patch(nodes, node, { type: 'merge', body: { spec: { taints } } });
    await cluster.quiet();
    // It says that it is ready: it may still run them.
    expect(await names(cluster, namespace)).toEqual(['goes', 'stays']);
    const conditions = [{ type: 'Ready', status: 'Unknown' }];
    await cluster.api.patch(
      nodes,
      node,
      { type: 'strategic', body: { status: { conditions } } },
      { subresource: 'status' },
    );
    await cluster.until('the pod to be gone', async () => (await names(cluster, namespace)).join() === 'stays');
  });

  it('keeps a number of ended pods, the youngest', async () => {
    const config = { 'controller-podgc': { terminatedPodLimit: 2 } };
    const clock = new Clock();
    await using cluster = await startCluster({ controllers: [podGc], nodes: 0, config, clock });
    const namespace = await cluster.namespace();
    const command = ['fake:exit', '0'];
    for (const name of ['a', 'b', 'c', 'd']) {
      const containers = [{ name: 'main', image: 'job:1', command }];
      await cluster.api.create(pods, {
        metadata: { name, namespace },
        spec: podSpec({ restartPolicy: 'Never', containers }),
      });
      await clock.advance(1000);
    }
    await cluster.until('two to be left', async () => (await names(cluster, namespace)).join() === 'c,d');
    await cluster.quiet();
    expect(await names(cluster, namespace)).toEqual(['c', 'd']);
  });

  it('removes the others when the deletion of one is refused', async () => {
    const clock = new Clock();
    await using cluster = await startCluster({ controllers: [podGc], plugins: [protectPods()], nodes: 1, clock });
    const namespace = await cluster.namespace();
    for (const name of ['protected', 'q', 'r']) {
      await cluster.api.create(pods, { metadata: { name, namespace }, spec: podSpec({ nodeName: 'gone' }) });
    }
    await cluster.quiet();
    await clock.advance(60_000);
    await cluster.until('the others to be gone', async () => (await names(cluster, namespace)).length === 1);
    expect(await names(cluster, namespace)).toEqual(['protected']);
  });
});

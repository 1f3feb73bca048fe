import { describe, expect, it } from '@jest/globals';
import taintManager from '@timonel/plugin-controller-taintmanager';
import { nodes, pods, type Taint } from '@timonel/sdk/kube';
import { Clock } from './support/clock.ts';
import { startCluster, type Cluster } from './support/cluster.ts';
import { isReady } from './support/pod-status.ts';

const taint: Taint = { key: 'example.com/evict', value: 'now', effect: 'NoExecute' };

async function bed(): Promise<{ cluster: Cluster; clock: Clock; namespace: string }> {
  const clock = new Clock();
  const cluster = await startCluster({ controllers: [taintManager], nodes: 1, clock });
  return { cluster, clock, namespace: await cluster.namespace() };
}

/** A pod that stays for so long on a node with the taint. Undefined: it does not tolerate it. */
async function make(cluster: Cluster, namespace: string, name: string, tolerationSeconds?: number): Promise<void> {
  const toleration = { key: taint.key, operator: 'Equal', value: 'now', effect: 'NoExecute' };
  const tolerations = tolerationSeconds === undefined ? [] : [{ ...toleration, tolerationSeconds }];
  const containers = [{ name: 'main', image: 'pause:1' }];
  await cluster.api.create(pods, { metadata: { name, namespace }, spec: { containers, tolerations } });
  await cluster.until(`${name} to run`, async () => isReady(await cluster.api.get(pods, { namespace, name })));
}

const setTaints = (cluster: Cluster, taints: readonly Taint[]): Promise<unknown> =>
  cluster.api.patch(nodes, { name: 'node-0' }, { type: 'merge', body: { spec: { taints } } });

async function names(cluster: Cluster, namespace: string): Promise<string[]> {
  return (await cluster.api.list(pods, { namespace })).items.map(({ metadata }) => metadata.name ?? '');
}

describe('node: NoExecute taints', () => {
  it('evicts several pods, each after its tolerationSeconds', async () => {
    const { cluster, clock, namespace } = await bed();
    await using _ = cluster;
    await make(cluster, namespace, 'none');
    await make(cluster, namespace, 'short', 5);
    await make(cluster, namespace, 'long', 60);
    await setTaints(cluster, [taint]);
    await cluster.until('the first to go', async () => (await names(cluster, namespace)).length === 2);
    await cluster.quiet();
    await clock.advance(6000);
    await cluster.until('the second to go', async () => (await names(cluster, namespace)).length === 1);
    await cluster.quiet();
    await clock.advance(40_000);
    await cluster.quiet();
    expect(await names(cluster, namespace)).toEqual(['long']);
    await clock.advance(20_000);
    await cluster.until('the last to go', async () => (await names(cluster, namespace)).length === 0);
  });

  it('evicts nothing when the taint goes in time', async () => {
    const { cluster, clock, namespace } = await bed();
    await using _ = cluster;
    await make(cluster, namespace, 'patient', 60);
    await setTaints(cluster, [taint]);
    await cluster.quiet();
    await clock.advance(40_000);
    await cluster.quiet();
    await setTaints(cluster, []);
    await cluster.quiet();
    await clock.advance(120_000);
    await cluster.quiet();
    expect(await names(cluster, namespace)).toEqual(['patient']);
  });
});

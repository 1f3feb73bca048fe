import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { scheduler, type PodInfo, type Scheduler } from '@timonel/sdk/contracts/scheduler';
import type { Node } from '@timonel/sdk/kube';
import { listSnapshot, PodClasses } from '@timonel/sdk/scheduling';
import { startTestKernel, type TestKernel } from '@timonel/testkit';
import { aNode, aPod, chosen, type PodSketch } from '@timonel/testkit/contracts/scheduler';
import plugin from './index.ts';

let kernel: TestKernel;
let service: Scheduler;
beforeAll(async () => {
  kernel = await startTestKernel({ plugins: [plugin] });
  service = kernel.service(scheduler);
});
afterAll(() => kernel.stop());

const zoneLabel = 'topology.kubernetes.io/zone';
const inZone = (name: string, zone: string, cpu = '64'): Node =>
  aNode(name, { cpu, memory: '256Gi', pods: '110', labels: { [zoneLabel]: zone } });
const many = (count: number, sketch: PodSketch | ((at: number) => PodSketch)): PodInfo[] =>
  Array.from({ length: count }, (_, at) => aPod(typeof sketch === 'function' ? sketch(at) : sketch));

/** Pods by node. */
async function spread(pods: readonly PodInfo[], nodes: readonly Node[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = Object.fromEntries(nodes.map(({ metadata: { name = '' } }) => [name, 0]));
  for (const decision of await service.decide(pods, listSnapshot(nodes))) {
    const name = chosen(decision);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('scheduler-spread', () => {
  it('puts as many pods of a kind into each zone, however many nodes it has, and evenly on its nodes', async () => {
    const nodes = [inZone('x1', 'x'), inZone('y1', 'y'), inZone('y2', 'y'), inZone('z1', 'z'), inZone('z2', 'z')];
    const web = many(12, { cpu: '100m', labels: { app: 'web' } });
    expect(await spread(web, nodes)).toEqual({ x1: 4, y1: 2, y2: 2, z1: 2, z2: 2 });
  });

  it('cares more for that than for how full nodes are', async () => {
    const nodes = [inZone('small', 'x', '4'), inZone('large', 'x', '64')];
    expect(await spread(many(6, { cpu: '1', labels: { app: 'web' } }), nodes)).toEqual({ small: 3, large: 3 });
  });

  it('counts each kind by itself', async () => {
    const nodes = [inZone('x1', 'x'), inZone('y1', 'y')];
    const apps = ['a', 'b', 'c'];
    for (const app of apps) {
      expect(await spread(many(2, { labels: { app } }), nodes)).toEqual({ x1: 1, y1: 1 });
    }
    const mixed = many(6, (at) => ({ labels: { app: at < 3 ? 'a' : 'b' } }));
    const decisions = await service.decide(mixed, listSnapshot(nodes));
    const ofA = decisions.slice(0, 3).map(chosen);
    const ofB = decisions.slice(3).map(chosen);
    expect([new Set(ofA), new Set(ofB)]).toEqual([new Set(['x1', 'y1']), new Set(['x1', 'y1'])]);
  });

  it('takes pods that differ in the label of the single pod for one kind', async () => {
    const nodes = [aNode('small'), aNode('large', { cpu: '64', memory: '256Gi' })];
    const name = 'statefulset.kubernetes.io/pod-name';
    const replicas = many(6, (at) => ({ cpu: '500m', labels: { app: 'db', [name]: `db-${at}` } }));
    expect(await spread(replicas, nodes)).toEqual({ small: 3, large: 3 });
  });

  it('takes pods of one workload for one kind, whatever labels they have beside', async () => {
    const workloadSelector = () => ({ matchLabels: { app: 'web' } });
    const classes = new PodClasses({ workloadSelector });
    const pods = many(12, (at) => ({ cpu: '100m', labels: { app: 'web', revision: String(at) } }));
    const nodes = [inZone('x1', 'x'), inZone('y1', 'y'), inZone('y2', 'y'), inZone('z1', 'z'), inZone('z2', 'z')];
    const ofWorkload = pods.map(({ pod }) => classes.infoOf(pod));
    expect(await spread(ofWorkload, nodes)).toEqual({ x1: 4, y1: 2, y2: 2, z1: 2, z2: 2 });
  });

  it('takes nodes without a zone for one zone more', async () => {
    const nodes = [inZone('x1', 'x'), aNode('n1'), aNode('n2')];
    expect(await spread(many(4, { cpu: '100m' }), nodes)).toEqual({ x1: 2, n1: 1, n2: 1 });
  });

  it('leaves it to pods over what they are spread, when they say it', async () => {
    const constraint = { topologyKey: 'rack', maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' };
    const topologySpreadConstraints = [{ ...constraint, labelSelector: { matchLabels: { app: 'web' } } }];
    const nodes = ['r1', 'r1', 'r1', 'r2'].map((rack, at) => aNode(`${rack}-${at}`, { labels: { rack } }));
    const counts = await spread(
      many(6, { cpu: '100m', labels: { app: 'web' }, spec: { topologySpreadConstraints } }),
      nodes,
    );
    expect(counts['r2-3']).toBe(3);
  });
});

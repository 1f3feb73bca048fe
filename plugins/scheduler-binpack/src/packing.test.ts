import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { scheduler, type Scheduler } from '@timonel/sdk/contracts/scheduler';
import type { LabelSelector } from '@timonel/sdk/kube';
import { listSnapshot, PodClasses } from '@timonel/sdk/scheduling';
import { startTestKernel, type TestKernel } from '@timonel/testkit';
import { aNode, aPod, chosen, type NodeSketch, type PodSketch } from '@timonel/testkit/contracts/scheduler';
import plugin from './index.ts';

let kernel: TestKernel;
let service: Scheduler;
beforeAll(async () => {
  kernel = await startTestKernel({ plugins: [plugin] });
  service = kernel.service(scheduler);
});
afterAll(() => kernel.stop());

const workload: LabelSelector = { matchLabels: { app: 'web' } };
const classes = new PodClasses({ workloadSelector: () => workload });

/** Nodes in the order in which pods came to them first, with the number of pods. */
async function packed(
  nodes: Readonly<Record<string, NodeSketch>>,
  pods: number,
  sketch: PodSketch,
  asWorkload = false,
) {
  const list = Object.entries(nodes).map(([name, node]) => aNode(name, node));
  const made = Array.from({ length: pods }, () => aPod(sketch));
  const asked = asWorkload ? made.map(({ pod }) => classes.infoOf(pod)) : made;
  const counts = new Map<string, number>();
  for (const decision of await service.decide(asked, listSnapshot(list))) {
    const name = chosen(decision);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts.values()];
}

const five = (sketch: NodeSketch): Record<string, NodeSketch> =>
  Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, sketch]));

describe('scheduler-binpack', () => {
  it('fills a node before it begins the next', async () => {
    expect(await packed(five({ cpu: '4' }), 10, { cpu: '1' })).toEqual([4, 4, 2]);
  });

  it('does so with pods that are small beside their nodes', async () => {
    const large = five({ cpu: '128', memory: '1Ti', pods: '100' });
    expect(await packed(large, 120, { cpu: '10m', memory: '16Mi' })).toEqual([100, 20]);
  });

  it('does so with pods that ask for nothing', async () => {
    expect(await packed(five({ pods: '6' }), 8, { spec: { containers: [{ name: 'c', image: 'x' }] } })).toEqual([6, 2]);
  });

  it('does so with pods of a workload, which are spread by default elsewhere', async () => {
    const zones = {
      a: { labels: { 'topology.kubernetes.io/zone': 'x' } },
      b: { labels: { 'topology.kubernetes.io/zone': 'y' } },
    };
    expect(await packed(zones, 4, { cpu: '1', labels: { app: 'web' } }, true)).toEqual([4]);
  });

  it('takes the fullest of the nodes that have room', async () => {
    const nodes = ['a', 'b', 'c'].map((name) => aNode(name));
    const placed = new Map([
      ['a', [aPod({ cpu: '1' })]],
      ['b', [aPod({ cpu: '3' })]],
      ['c', [aPod({ cpu: '2' })]],
    ]);
    const snapshot = listSnapshot(nodes, (name) => placed.get(name) ?? []);
    const [two] = await service.decide([aPod({ cpu: '2' })], snapshot);
    expect(chosen(two)).toBe('c');
  });

  it('spreads pods that ask for it themselves', async () => {
    const constraint = { topologyKey: 'kubernetes.io/hostname', maxSkew: 1, labelSelector: workload };
    const topologySpreadConstraints = [{ ...constraint, whenUnsatisfiable: 'DoNotSchedule' }];
    const web = { cpu: '1', labels: { app: 'web' }, spec: { topologySpreadConstraints } };
    expect(await packed(five({}), 5, web)).toEqual([1, 1, 1, 1, 1]);
  });
});

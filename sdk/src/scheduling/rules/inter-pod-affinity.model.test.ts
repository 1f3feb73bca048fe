import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { NodeBatch, PodInfo } from '../../contracts/scheduler/index.ts';
import { PodClasses } from '../pod-class.ts';
import { change, nodeSketch, RandomCluster, template, type Change, type Template } from '../testing/random-cluster.ts';
import { WorkingState } from '../working-state.ts';
import { interPodAffinity } from './inter-pod-affinity.ts';
import type { PlainCluster } from './reference/plain-cluster.ts';
import { affinityRefusal, affinityScores } from './reference/inter-pod-affinity.ts';
import { onTrial, refusals, scoresOf } from './testing/asked.ts';

const wishes = { affinity: true };
const startNodes = fc.array(nodeSketch, { minLength: 3, maxLength: 6 });

type Step =
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'ask'; readonly template: Template; readonly place: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('change' as const), change: change(wishes) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('ask' as const), template: template(wishes), place: fc.boolean() }),
  },
);

function plain(view: WorkingState, cluster: RandomCluster): PlainCluster {
  const nodes = [...view.presentRows].flatMap((row) => {
    const node = view.nodes[row];
    return node === undefined ? [] : [{ node, pods: view.podsOf(row).map(({ pod }) => pod) }];
  });
  return { nodes, namespaceLabels: (namespace) => cluster.objects.namespaceLabels(namespace) };
}

/** Compares for one pod; the rows that can take it. */
function compare(pod: PodInfo, view: WorkingState, cluster: PlainCluster, hardWeight: number): number[] {
  const plugin = interPodAffinity({ hardPodAffinityWeight: hardWeight });
  const found = refusals(plugin, pod, view);
  const fitting: number[] = [];
  for (const row of view.presentRows) {
    const node = view.nodes[row];
    if (node === undefined) throw new Error('a present row has a node');
    const reason = affinityRefusal(pod.pod, node, cluster);
    expect(found.get(row)?.text).toBe(reason);
    if (reason === undefined) fitting.push(row);
  }
  const batch: NodeBatch = { rows: Int32Array.from(fitting), count: fitting.length, view };
  const nodes = fitting.flatMap((row) => view.nodes[row] ?? []);
  const expected = affinityScores(pod.pod, nodes, cluster, hardWeight);
  expect([...scoresOf(plugin, pod, batch).values()]).toEqual(expected);
  return fitting;
}

describe('InterPodAffinity', () => {
  it('says of every node what the documentation says, also after changes and decisions', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(
        startNodes,
        fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }),
        fc.constantFrom(1, 0, 30),
        (sketches, steps, hardWeight) => {
          const cluster = new RandomCluster(new PodClasses());
          const view = new WorkingState();
          sketches.forEach((sketch, at) => cluster.apply({ kind: 'node', at, sketch }));
          view.sync(cluster.snapshot(100));
          for (const next of steps) {
            if (next.kind === 'change') {
              cluster.apply(next.change);
              view.sync(cluster.snapshot(100));
              continue;
            }
            const pod = cluster.podFrom(next.template);
            const [row] = compare(pod, view, plain(view, cluster), hardWeight);
            for (const { code } of refusals(interPodAffinity(), pod, view).values()) {
              seen.set(code, (seen.get(code) ?? 0) + 1);
            }
            onTrial(view, () => compare(pod, view, plain(view, cluster), hardWeight));
            if (row !== undefined && next.place) view.add(row, pod);
          }
        },
      ),
      { numRuns: 100 },
    );
    expect([...seen.keys()].toSorted()).toEqual(['existing-pod-anti-affinity', 'pod-affinity', 'pod-anti-affinity']);
  });
});

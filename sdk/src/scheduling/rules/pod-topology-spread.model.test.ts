import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { LabelSelector, Pod } from '../../kube/index.ts';
import type { NodeBatch, PodInfo, SchedulingPlugin } from '../../contracts/scheduler/index.ts';
import { PodClasses } from '../pod-class.ts';
import { change, nodeSketch, RandomCluster, template, type Change, type Template } from '../testing/random-cluster.ts';
import { WorkingState } from '../working-state.ts';
import { podTopologySpread } from './pod-topology-spread.ts';
import type { OccupiedNode, PlainCluster } from './reference/plain-cluster.ts';
import { spreadRefusal, spreadScores } from './reference/pod-topology-spread.ts';
import { onTrial, refusals, scoresOf } from './testing/asked.ts';

const startNodes = fc.array(nodeSketch, { minLength: 3, maxLength: 7 });

type Step =
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'ask'; readonly template: Template; readonly place: boolean };

const asked = fc.record({
  kind: fc.constant('ask' as const),
  template: template({ spread: true }),
  place: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('change' as const), change: change({}) }) },
  { weight: 2, arbitrary: asked },
);

/** Pods of an app are a workload. */
function workloadOf({ metadata: { labels = {} } }: Pod): LabelSelector | undefined {
  return labels['app'] === undefined ? undefined : { matchLabels: { app: labels['app'] } };
}

function occupied(view: WorkingState, row: number): OccupiedNode {
  const node = view.nodes[row];
  if (node === undefined) throw new Error('a present row has a node');
  return { node, pods: view.podsOf(row).map(({ pod }) => pod) };
}

/** The rows that can take the pod. */
function compare(plugin: SchedulingPlugin, pod: PodInfo, view: WorkingState): number[] {
  const present = [...view.presentRows];
  const cluster: PlainCluster = { nodes: present.map((row) => occupied(view, row)), namespaceLabels: () => ({}) };
  const found = refusals(plugin, pod, view);
  const fitting: number[] = [];
  for (const row of present) {
    const reason = spreadRefusal(pod.pod, occupied(view, row).node, cluster);
    expect(found.get(row)?.text).toBe(reason);
    if (reason === undefined) fitting.push(row);
  }
  // Also when other filters leave out some of them.
  for (const rows of [fitting, fitting.slice(1)]) {
    const batch: NodeBatch = { rows: Int32Array.from(rows), count: rows.length, view };
    const nodes = rows.map((row) => occupied(view, row));
    const expected = spreadScores(pod.pod, nodes, cluster, workloadOf(pod.pod));
    expect([...scoresOf(plugin, pod, batch).values()]).toEqual(expected);
  }
  return fitting;
}

describe('PodTopologySpread', () => {
  it('says of every node what the documentation says, also after changes and decisions', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(startNodes, fc.array(step, { minLength: 15, maxLength: 60, size: 'max' }), (sketches, steps) => {
        const cluster = new RandomCluster(new PodClasses({ workloadSelector: workloadOf }));
        const view = new WorkingState();
        const plugin = podTopologySpread();
        sketches.forEach((sketch, at) => cluster.apply({ kind: 'node', at, sketch }));
        view.sync(cluster.snapshot(100));
        for (const next of steps) {
          if (next.kind === 'change') {
            cluster.apply(next.change);
            view.sync(cluster.snapshot(100));
            continue;
          }
          const pod = cluster.podFrom(next.template);
          const [row] = compare(plugin, pod, view);
          for (const { code } of refusals(plugin, pod, view).values()) seen.set(code, (seen.get(code) ?? 0) + 1);
          onTrial(view, () => compare(plugin, pod, view));
          if (row !== undefined && next.place) view.add(row, pod);
        }
      }),
      { numRuns: 100 },
    );
    expect([...seen.keys()].toSorted()).toEqual(['topology-spread', 'topology-spread-label']);
  });
});

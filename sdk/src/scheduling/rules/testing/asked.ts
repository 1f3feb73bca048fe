/** What a plugin of the framework says to a pod about all nodes of a view. */
import type { ClusterView, NodeBatch, PodInfo, Reason, SchedulingPlugin } from '../../../contracts/scheduler/index.ts';
import type { WorkingState } from '../../working-state.ts';
import { allNodes } from '../row-facts.ts';

/** By row: the text of the reason; undefined: no objection. */
export function refusals(plugin: SchedulingPlugin, pod: PodInfo, view: ClusterView): Map<number, Reason> {
  const found = new Map<number, Reason>();
  const { status, state } = plugin.preFilter?.(pod, view) ?? { status: { code: 'success' as const }, state: undefined };
  if (status.code === 'skip') return found;
  const reject = (row: number, reason: Reason): void => {
    if (found.has(row)) throw new Error(`row ${row} is rejected twice`);
    found.set(row, reason);
  };
  plugin.filter?.(pod, allNodes(view), { reject }, state);
  return found;
}

/** By row, normalised. Zeros when the plugin skips. */
export function scoresOf(plugin: SchedulingPlugin, pod: PodInfo, nodes: NodeBatch): Map<number, number> {
  const scores = new Float64Array(nodes.view.size + 1).fill(Number.NaN);
  const rows = [...nodes.rows.subarray(0, nodes.count)];
  const { status, state } = plugin.preScore?.(pod, nodes) ?? { status: { code: 'success' as const }, state: undefined };
  if (status.code === 'skip') return new Map(rows.map((row) => [row, 0]));
  plugin.score?.(pod, nodes, scores, state);
  if (typeof plugin.normalize === 'function') plugin.normalize(scores, nodes);
  return new Map(rows.map((row) => [row, scores[row] ?? Number.NaN]));
}

/** Looks also without the first pod of the fullest node, as preemption does. */
export function onTrial(view: WorkingState, look: () => void): void {
  const [row] = [...view.presentRows].toSorted((a, b) => view.podsOf(b).length - view.podsOf(a).length);
  const [pod] = row === undefined ? [] : view.podsOf(row);
  if (row === undefined || pod === undefined) return;
  view.trial(row, (change) => {
    change.remove(pod);
    look();
    change.add(pod);
    look();
  });
}

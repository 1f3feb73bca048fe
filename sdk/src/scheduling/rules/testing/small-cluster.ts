/** Small clusters, written down by hand. */
import type { LabelSelector, Node, Pod } from '../../../kube/index.ts';
import type { Explained, PodInfo, SchedulingPlugin } from '../../../contracts/scheduler/index.ts';
import { listSnapshot } from '../../list-snapshot.ts';
import { PodClasses } from '../../pod-class.ts';
import { WorkingState } from '../../working-state.ts';
import { refusals } from './asked.ts';

export const zoneLabel = 'topology.kubernetes.io/zone';

export function labelledNode(name: string, labels: Record<string, string>): Node {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: {} };
}

export function appSelector(app: string): LabelSelector {
  return { matchLabels: { app } };
}

export class SmallCluster {
  readonly view: WorkingState = new WorkingState();
  readonly #classes: PodClasses = new PodClasses();

  constructor(nodes: readonly Node[]) {
    this.view.sync(listSnapshot(nodes));
  }

  /** In the namespace `shop`. */
  pod(name: string, labels: Record<string, string>, spec: Record<string, unknown> = {}): PodInfo {
    const metadata = { name, namespace: 'shop', uid: name, labels };
    const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], ...spec } };
    return this.#classes.infoOf(pod);
  }

  place(node: string, pod: PodInfo): void {
    const row = this.view.rowOf(node);
    if (row === undefined) throw new Error(`there is no node ${node}`);
    this.view.add(row, pod);
  }

  /** By code of the reason: what the plugin says about the nodes that it refuses. */
  explain(plugin: SchedulingPlugin, pod: PodInfo): Record<string, Explained> {
    const explained: Record<string, Explained> = {};
    const { state } = plugin.preFilter?.(pod, this.view) ?? { state: undefined };
    const found = [...refusals(plugin, pod, this.view)];
    for (const [, reason] of found) {
      const rows = Int32Array.from(found.flatMap(([row, other]) => (other === reason ? [row] : [])));
      const answer = plugin.explain?.(pod, { rows, count: rows.length, view: this.view }, reason, state);
      if (answer !== undefined) explained[reason.code] = answer;
    }
    return explained;
  }
}

/** Whether the event of the plugin's hints helps the pod; false when it has no hint for such events. */
export function isHelped(
  plugin: SchedulingPlugin,
  pod: PodInfo,
  event: Parameters<NonNullable<NonNullable<SchedulingPlugin['requeueHints']>[number]['helps']>>[1],
): boolean {
  return (plugin.requeueHints ?? []).some((hint) => hint.event === event.kind && (hint.helps?.(pod, event) ?? true));
}

import type { Node, Pod, PodSpec } from '../../../kube/index.ts';
import type {
  ClusterObjects,
  Explained,
  PodInfo,
  Reason,
  SchedulingPlugin,
} from '../../../contracts/scheduler/index.ts';
import { listSnapshot } from '../../list-snapshot.ts';
import { PodClasses } from '../../pod-class.ts';
import { WorkingState } from '../../working-state.ts';
import { allNodes } from '../row-facts.ts';

const classes = new PodClasses();

export function podOf(spec: Partial<PodSpec>, name = 'p'): PodInfo {
  const pod: Pod = { metadata: { namespace: 'x', name, uid: name }, spec: { containers: [{ name: 'c' }], ...spec } };
  return classes.infoOf(pod);
}

export function requesting(requests: Record<string, string>, name?: string): PodInfo {
  return podOf({ containers: [{ name: 'c', resources: { requests } }] }, name);
}

export function nodeWith(name: string, parts: { labels?: Record<string, string> } & Partial<Node> = {}): Node {
  const { labels = {}, ...rest } = parts;
  return {
    metadata: { name, labels },
    spec: {},
    status: { allocatable: { cpu: '4', memory: '4Gi', pods: '10' } },
    ...rest,
  };
}

export interface Refusal extends Explained {
  readonly code: string;
  readonly text: string;
  readonly resolvable: boolean;
  readonly nodes: readonly string[];
}

export interface Placed {
  readonly nodes: readonly Node[];
  readonly pods?: Readonly<Record<string, readonly PodInfo[]>>;
  readonly objects?: ClusterObjects;
}

/** The refusals of a plugin by reason, each explained for its nodes, and what PreFilter said if it ended there. */
export function refusals(
  plugin: SchedulingPlugin,
  pod: PodInfo,
  { nodes, pods = {}, objects }: Placed,
): Refusal[] | string {
  const view = new WorkingState();
  view.sync(listSnapshot(nodes, (name) => pods[name] ?? [], objects));
  const { status, state } = plugin.preFilter?.(pod, view) ?? { status: { code: 'success' }, state: undefined };
  if (status.code !== 'success') return status.reason ?? status.code;
  const rows = new Map<Reason, number[]>();
  const reject = (row: number, reason: Reason): void => void rows.set(reason, [...(rows.get(reason) ?? []), row]);
  plugin.filter?.(pod, allNodes(view), { reject }, state);
  return [...rows].map(([reason, list]) => {
    const batch = { rows: Int32Array.from(list), count: list.length, view };
    const explained = plugin.explain?.(pod, batch, reason, state) ?? { detail: {}, unblock: '' };
    return { ...reason, nodes: list.map((row) => view.names[row] ?? ''), ...explained };
  });
}

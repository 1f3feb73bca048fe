/** Which events may help a pod that could not be spread. */
import type { Node } from '../../kube/index.ts';
import type {
  ClusterEvent,
  PodClass,
  PodInfo,
  RequeueHint,
  SpreadConstraint,
} from '../../contracts/scheduler/index.ts';

function hard(pod: PodClass): readonly SpreadConstraint[] {
  return pod.spread.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule');
}

function isCounted(pod: PodClass, other: PodClass): boolean {
  return hard(pod).some(({ matcher }) => matcher.matches(other, {}));
}

function labelOf({ metadata: { labels = {} } }: Node, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function hasTopologies(pod: PodClass, node: Node): boolean {
  return hard(pod).every(({ topologyKey }) => labelOf(node, topologyKey) !== undefined);
}

function afterPodUpdate({ class: pod }: PodInfo, event: ClusterEvent): boolean {
  if (event.kind !== 'pod-updated') return true;
  return hard(pod).some(({ matcher }) => matcher.matches(event.pod.class, {}) !== matcher.matches(event.old.class, {}));
}

/** Labels move nodes between domains, and with taints they decide which nodes count. */
function afterNodeUpdate({ class: pod }: PodInfo, event: ClusterEvent): boolean {
  if (event.kind !== 'node-updated') return true;
  const { node, old, parts } = event;
  if (!hasTopologies(pod, node) && !hasTopologies(pod, old)) return false;
  const constraints = hard(pod);
  if (parts.includes('taints') && constraints.some(({ nodeTaintsPolicy }) => nodeTaintsPolicy === 'Honor')) return true;
  if (!parts.includes('labels')) return false;
  if (constraints.some(({ topologyKey: key }) => labelOf(node, key) !== labelOf(old, key))) return true;
  const selects = Object.keys(pod.nodeSelector).length > 0 || pod.requiredNodeTerms !== undefined;
  return selects && constraints.some(({ nodeAffinityPolicy }) => nodeAffinityPolicy === 'Honor');
}

function afterNode({ class: pod }: PodInfo, event: ClusterEvent): boolean {
  return (event.kind !== 'node-added' && event.kind !== 'node-removed') || hasTopologies(pod, event.node);
}

function afterPod({ class: pod }: PodInfo, event: ClusterEvent): boolean {
  return (event.kind !== 'pod-bound' && event.kind !== 'pod-removed') || isCounted(pod, event.pod.class);
}

export const spreadHints: readonly RequeueHint[] = [
  { event: 'pod-bound', helps: afterPod },
  { event: 'pod-removed', helps: afterPod },
  { event: 'pod-updated', helps: afterPodUpdate },
  { event: 'node-added', helps: afterNode },
  { event: 'node-removed', helps: afterNode },
  { event: 'node-updated', helps: afterNodeUpdate },
];

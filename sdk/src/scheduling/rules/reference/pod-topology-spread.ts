/** PodTopologySpread for one node after the other, straight from the documentation. */
import type { LabelSelector, Node, Pod, Taint } from '../../../kube/index.ts';
import { labelsOf, likeness, selects, type LabelMap, type OccupiedNode, type PlainCluster } from './plain-cluster.ts';

interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly whenUnsatisfiable: string;
  readonly labelSelector?: LabelSelector;
  readonly minDomains?: number;
  readonly nodeAffinityPolicy?: string;
  readonly nodeTaintsPolicy?: string;
  readonly matchLabelKeys?: readonly string[];
}

/** `defaultSelector`: what pods without constraints of their own are spread by; undefined: they are not. */
function constraintsOf(pod: Pod, kind: string, defaultSelector: LabelSelector | undefined): Constraint[] {
  const own = (pod.spec['topologySpreadConstraints'] ?? []) as Constraint[];
  if (own.length > 0) return own.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === kind);
  if (defaultSelector === undefined || kind !== 'ScheduleAnyway') return [];
  return [
    { topologyKey: 'kubernetes.io/hostname', maxSkew: 3, whenUnsatisfiable: kind, labelSelector: defaultSelector },
    { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable: kind, labelSelector: defaultSelector },
  ];
}

function expressionHolds(labels: LabelMap, key: string, operator: string, values: readonly string[]): boolean {
  if (operator === 'Gt') return Number(labels.get(key)) > Number(values[0]);
  if (operator === 'Lt') return Number(labels.get(key)) < Number(values[0]);
  return selects({ matchExpressions: [{ key, operator, values: [...values] }] }, labels);
}

function hasRequiredAffinity(pod: Pod, node: Node): boolean {
  const labels = labelsOf(node);
  const isSelected = Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => labels.get(key) === value);
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!isSelected || required === undefined) return isSelected;
  return required.nodeSelectorTerms.some(({ matchExpressions = [] }) =>
    matchExpressions.every(({ key, operator, values = [] }) => expressionHolds(labels, key, operator, values)),
  );
}

function isTolerated(pod: Pod, taint: Taint): boolean {
  if (taint.effect !== 'NoSchedule' && taint.effect !== 'NoExecute') return true;
  return (pod.spec.tolerations ?? []).some(
    ({ key, operator, value, effect }) =>
      (!effect || effect === taint.effect) &&
      (!key || key === taint.key) &&
      (operator === 'Exists' || (value ?? '') === (taint.value ?? '')),
  );
}

function isIncluded(pod: Pod, node: Node, { nodeAffinityPolicy, nodeTaintsPolicy }: Constraint): boolean {
  if (nodeAffinityPolicy !== 'Ignore' && !hasRequiredAffinity(pod, node)) return false;
  return nodeTaintsPolicy !== 'Honor' || (node.spec.taints ?? []).every((taint) => isTolerated(pod, taint));
}

function isMeant(pod: Pod, { labelSelector, matchLabelKeys }: Constraint, other: Pod): boolean {
  const labels = labelsOf(other);
  return selects(labelSelector, labels) && selects(likeness(pod, matchLabelKeys, 'In'), labels);
}

/** Pods of the node that the constraint counts. An empty selector counts none. */
function countOn({ pods }: OccupiedNode, pod: Pod, constraint: Constraint): number {
  const { matchLabels = {}, matchExpressions = [] } = constraint.labelSelector ?? {};
  const more = likeness(pod, constraint.matchLabelKeys, 'In').matchExpressions ?? [];
  if (Object.keys(matchLabels).length + matchExpressions.length + more.length === 0) return 0;
  return pods.filter(
    (other) =>
      other.metadata.deletionTimestamp === undefined &&
      other.metadata.namespace === pod.metadata.namespace &&
      isMeant(pod, constraint, other),
  ).length;
}

function hasLabels(node: Node, constraints: readonly Constraint[]): boolean {
  return constraints.every(({ topologyKey }) => labelsOf(node).has(topologyKey));
}

function totals(pod: Pod, nodes: readonly OccupiedNode[], constraint: Constraint): Map<string | undefined, number> {
  const sums = new Map<string | undefined, number>();
  for (const occupied of nodes) {
    const value = labelsOf(occupied.node).get(constraint.topologyKey);
    sums.set(value, (sums.get(value) ?? 0) + countOn(occupied, pod, constraint));
  }
  return sums;
}

/** Why the pod cannot go to the node; undefined: it can. */
export function spreadRefusal(pod: Pod, node: Node, cluster: PlainCluster): string | undefined {
  const refusal = "node(s) didn't match pod topology spread constraints";
  const constraints = constraintsOf(pod, 'DoNotSchedule', undefined);
  for (const constraint of constraints) {
    const value = labelsOf(node).get(constraint.topologyKey);
    if (value === undefined) return `${refusal} (missing required label)`;
    const counting = cluster.nodes.filter(
      (other) => hasLabels(other.node, constraints) && isIncluded(pod, other.node, constraint),
    );
    const sums = totals(pod, counting, constraint);
    const least = sums.size < (constraint.minDomains ?? 1) ? 0 : Math.min(...sums.values());
    const self = isMeant(pod, constraint, pod) ? 1 : 0;
    if ((sums.get(value) ?? 0) + self - least > constraint.maxSkew) return refusal;
  }
  return undefined;
}

/** Scores 0 … 100 of the nodes that can take the pod, in their order. */
export function spreadScores(
  pod: Pod,
  nodes: readonly OccupiedNode[],
  cluster: PlainCluster,
  defaultSelector: LabelSelector | undefined,
): number[] {
  const constraints = constraintsOf(pod, 'ScheduleAnyway', defaultSelector);
  if (constraints.length === 0) return nodes.map(() => 0);
  const needsAll = ((pod.spec['topologySpreadConstraints'] ?? []) as Constraint[]).length > 0;
  const isScored = ({ node }: OccupiedNode): boolean => !needsAll || hasLabels(node, constraints);
  const scored = nodes.filter(isScored);
  const rawScore = (occupied: OccupiedNode): number => {
    let sum = 0;
    for (const constraint of constraints) {
      const { topologyKey, maxSkew } = constraint;
      const value = labelsOf(occupied.node).get(topologyKey);
      if (value === undefined) continue;
      const isHost = topologyKey === 'kubernetes.io/hostname';
      const size = isHost ? scored.length : totals(pod, scored, constraint).size;
      const counting = cluster.nodes.filter((other) => isScored(other) && isIncluded(pod, other.node, constraint));
      const count = isHost ? countOn(occupied, pod, constraint) : (totals(pod, counting, constraint).get(value) ?? 0);
      sum += count * Math.log(size + 2) + (maxSkew - 1);
    }
    return Math.round(sum);
  };
  const raw = new Map(scored.map((occupied) => [occupied, rawScore(occupied)]));
  const least = Math.min(...raw.values());
  const most = Math.max(...raw.values());
  return nodes.map((occupied) => {
    const value = raw.get(occupied);
    if (value === undefined) return 0;
    return most === 0 ? 100 : Math.floor((100 * (most + least - value)) / most);
  });
}

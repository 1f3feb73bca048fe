/** InterPodAffinity for one node after the other, straight from the documentation. */
import type { LabelSelector, Node, Pod } from '../../../kube/index.ts';
import { labelsOf, likeness, selects, type OccupiedNode, type PlainCluster } from './plain-cluster.ts';

interface Term {
  readonly topologyKey: string;
  readonly labelSelector?: LabelSelector;
  readonly namespaces?: readonly string[];
  readonly namespaceSelector?: LabelSelector;
  readonly matchLabelKeys?: readonly string[];
  readonly mismatchLabelKeys?: readonly string[];
}

interface Wish {
  readonly weight: number;
  readonly podAffinityTerm: Term;
}

type Kind = 'podAffinity' | 'podAntiAffinity';

const required = (pod: Pod, kind: Kind): readonly Term[] =>
  (pod.spec.affinity?.[kind]?.['requiredDuringSchedulingIgnoredDuringExecution'] ?? []) as Term[];
const preferred = (pod: Pod, kind: Kind): readonly Wish[] =>
  (pod.spec.affinity?.[kind]?.['preferredDuringSchedulingIgnoredDuringExecution'] ?? []) as Wish[];

/** Whether a term of `owner` means `other`. */
function means(owner: Pod, term: Term, other: Pod, cluster: PlainCluster): boolean {
  const namespace = other.metadata.namespace ?? '';
  const isNamed = term.namespaces?.includes(namespace) === true;
  const isSelected =
    term.namespaceSelector !== undefined &&
    selects(term.namespaceSelector, new Map(Object.entries(cluster.namespaceLabels(namespace))));
  const isOwn =
    (term.namespaces ?? []).length === 0 &&
    term.namespaceSelector === undefined &&
    namespace === owner.metadata.namespace;
  const labels = labelsOf(other);
  return (
    (isNamed || isSelected || isOwn) &&
    selects(term.labelSelector, labels) &&
    selects(likeness(owner, term.matchLabelKeys, 'In'), labels) &&
    selects(likeness(owner, term.mismatchLabelKeys, 'NotIn'), labels)
  );
}

/** Whether both nodes have the label with the same value. */
function share(key: string, a: Node, b: Node): boolean {
  const value = labelsOf(a).get(key);
  return value !== undefined && labelsOf(b).get(key) === value;
}

function everyPod({ nodes }: PlainCluster): { readonly node: Node; readonly pod: Pod }[] {
  return nodes.flatMap(({ node, pods }: OccupiedNode) => pods.map((pod) => ({ node, pod })));
}

/** Why the pod cannot go to the node; undefined: it can. */
export function affinityRefusal(pod: Pod, node: Node, cluster: PlainCluster): string | undefined {
  const terms = required(pod, 'podAffinity');
  const wanted = everyPod(cluster).filter(({ pod: other }) => terms.every((term) => means(pod, term, other, cluster)));
  const nobodyYet = !wanted.some((peer) => terms.some(({ topologyKey }) => labelsOf(peer.node).has(topologyKey)));
  const mayBeFirst = nobodyYet && terms.every((term) => means(pod, term, pod, cluster));
  for (const { topologyKey } of terms) {
    if (!labelsOf(node).has(topologyKey)) return "node(s) didn't match pod affinity rules";
    if (mayBeFirst) continue;
    if (!wanted.some((peer) => share(topologyKey, peer.node, node))) return "node(s) didn't match pod affinity rules";
  }
  for (const term of required(pod, 'podAntiAffinity')) {
    for (const other of everyPod(cluster)) {
      if (share(term.topologyKey, other.node, node) && means(pod, term, other.pod, cluster)) {
        return "node(s) didn't match pod anti-affinity rules";
      }
    }
  }
  for (const other of everyPod(cluster)) {
    for (const term of required(other.pod, 'podAntiAffinity')) {
      if (share(term.topologyKey, other.node, node) && means(other.pod, term, pod, cluster)) {
        return "node(s) didn't satisfy existing pods anti-affinity rules";
      }
    }
  }
  return undefined;
}

function worth(pod: Pod, node: Node, cluster: PlainCluster, hardWeight: number): number {
  let sum = 0;
  const count = (owner: Pod, other: Pod, at: Node, { weight, podAffinityTerm: term }: Wish, sign: number): void => {
    if (share(term.topologyKey, at, node) && means(owner, term, other, cluster)) sum += sign * weight;
  };
  for (const other of everyPod(cluster)) {
    for (const wish of preferred(pod, 'podAffinity')) count(pod, other.pod, other.node, wish, 1);
    for (const wish of preferred(pod, 'podAntiAffinity')) count(pod, other.pod, other.node, wish, -1);
    for (const wish of preferred(other.pod, 'podAffinity')) count(other.pod, pod, other.node, wish, 1);
    for (const wish of preferred(other.pod, 'podAntiAffinity')) count(other.pod, pod, other.node, wish, -1);
    for (const term of required(other.pod, 'podAffinity')) {
      count(other.pod, pod, other.node, { weight: hardWeight, podAffinityTerm: term }, 1);
    }
  }
  return sum;
}

/** Scores 0 … 100 of the nodes that can take the pod, in their order. */
export function affinityScores(pod: Pod, nodes: readonly Node[], cluster: PlainCluster, hardWeight: number): number[] {
  const sums = nodes.map((node) => worth(pod, node, cluster, hardWeight));
  const least = Math.min(...sums);
  const range = Math.max(...sums) - least;
  return sums.map((sum) => (range === 0 ? 0 : Math.trunc(100 * ((sum - least) / range))));
}

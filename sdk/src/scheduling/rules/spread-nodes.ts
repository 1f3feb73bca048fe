/**
 * Which nodes a constraint of spreading counts: those with all its topologies that the pod's node affinity and tolerations leave, as its policies
 * say. Worked out again only for nodes that changed, and shared by all pods that ask for the same nodes.
 */
import type { Node } from '../../kube/index.ts';
import type { ClusterView, PodClass, SpreadConstraint } from '../../contracts/scheduler/index.ts';
import { equals } from './label-test.ts';
import { NodeCondition, nodeTerms } from './node-condition.ts';
import { untolerated } from './tolerations.ts';

type Test = (node: Node) => boolean;

function testOf(pod: PodClass, keys: readonly string[], constraint: SpreadConstraint): Test {
  const honorsAffinity = constraint.nodeAffinityPolicy === 'Honor';
  const honorsTaints = constraint.nodeTaintsPolicy === 'Honor';
  const selected = Object.entries(pod.nodeSelector).map(([key, value]) => equals(key, value));
  const terms = pod.requiredNodeTerms === undefined ? undefined : nodeTerms(pod.requiredNodeTerms);
  const condition = new NodeCondition(selected, terms);
  return (node) => {
    const { labels = {} } = node.metadata;
    return (
      keys.every((key) => Object.hasOwn(labels, key)) &&
      (!honorsAffinity || condition.matches(node)) &&
      (!honorsTaints || untolerated(pod.tolerations, node).length === 0)
    );
  };
}

function keyOf(pod: PodClass, keys: readonly string[], constraint: SpreadConstraint): string {
  const affinity = constraint.nodeAffinityPolicy === 'Honor' ? [pod.nodeSelector, pod.requiredNodeTerms] : undefined;
  const tolerations = constraint.nodeTaintsPolicy === 'Honor' ? pod.tolerations : undefined;
  return JSON.stringify([keys, affinity, tolerations]);
}

export class SpreadNodes {
  readonly #test: Test;
  readonly #seen: (Node | undefined)[] = [];
  /** By row: 1 for nodes that count. */
  isCounted: Uint8Array = new Uint8Array(64);
  #left = 0;
  #generation = -1;

  constructor(test: Test) {
    this.#test = test;
  }

  /** Whether there is no node that does not count. */
  get isEverywhere(): boolean {
    return this.#left === 0;
  }

  update({ size, nodes, nodesGeneration }: ClusterView): void {
    if (this.#generation === nodesGeneration && this.#seen.length >= size) return;
    this.#generation = nodesGeneration;
    if (this.isCounted.length < size) {
      const grown = new Uint8Array(size * 2);
      grown.set(this.isCounted);
      this.isCounted = grown;
    }
    for (let row = 0; row < size; row += 1) {
      const node = nodes[row];
      const before = this.#seen[row];
      if (node === before && row < this.#seen.length) continue;
      if (before !== undefined && this.isCounted[row] === 0) this.#left -= 1;
      this.#seen[row] = node;
      this.isCounted[row] = node !== undefined && this.#test(node) ? 1 : 0;
      if (node !== undefined && this.isCounted[row] === 0) this.#left += 1;
    }
  }
}

/** Of more the oldest are forgotten. */
const setsLimit = 128;

/** All of them, by the view that they are about. */
export class SpreadNodeSets {
  readonly #views = new WeakMap<ClusterView, Map<string, SpreadNodes>>();
  readonly #keys = new WeakMap<SpreadConstraint, string>();

  /** `keys`: topologies that nodes must have. Always the same for a constraint. */
  of(view: ClusterView, pod: PodClass, keys: readonly string[], constraint: SpreadConstraint): SpreadNodes {
    let key = this.#keys.get(constraint);
    if (key === undefined) {
      key = keyOf(pod, keys, constraint);
      this.#keys.set(constraint, key);
    }
    let sets = this.#views.get(view);
    if (sets === undefined) {
      sets = new Map();
      this.#views.set(view, sets);
    }
    let nodes = sets.get(key);
    if (nodes === undefined) {
      const [oldest] = sets.keys();
      if (sets.size >= setsLimit && oldest !== undefined) sets.delete(oldest);
      nodes = new SpreadNodes(testOf(pod, keys, constraint));
      sets.set(key, nodes);
    }
    nodes.update(view);
    return nodes;
  }
}

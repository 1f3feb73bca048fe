/** What rules know about single rows, worked out again only when the row's node or pods are others than before. */
import type { Node } from '../../kube/index.ts';
import type { ClusterView, NodeBatch, PodInfo } from '../../contracts/scheduler/index.ts';

class KeptNumbers {
  readonly #nodes: (Node | undefined)[] = [];
  #generation = -1;
  numbers = new Int32Array(0);

  update({ nodes, size, nodesGeneration }: ClusterView, compute: (node: Node | undefined) => number): void {
    if (this.#generation === nodesGeneration) return;
    this.#generation = nodesGeneration;
    if (this.numbers.length < size) {
      const grown = new Int32Array(size * 2);
      grown.set(this.numbers);
      this.numbers = grown;
    }
    const known = this.#nodes;
    for (let row = 0; row < size; row += 1) {
      const node = nodes[row];
      if (row < known.length && known[row] === node) continue;
      known[row] = node;
      this.numbers[row] = compute(node);
    }
  }
}

/** A number for every node. */
export class NodeNumbers {
  readonly #compute: (node: Node | undefined) => number;
  readonly #kept = new WeakMap<ClusterView, KeptNumbers>();

  constructor(compute: (node: Node | undefined) => number) {
    this.#compute = compute;
  }

  /** By row. */
  of(view: ClusterView): Int32Array {
    let kept = this.#kept.get(view);
    if (kept === undefined) {
      kept = new KeptNumbers();
      this.#kept.set(view, kept);
    }
    kept.update(view, this.#compute);
    return kept.numbers;
  }
}

interface Kept<T> {
  readonly versions: number[];
  readonly facts: T[];
}

/** Something about the pods of every node. */
export class PodFacts<T> {
  readonly #compute: (pods: readonly PodInfo[]) => T;
  readonly #kept = new WeakMap<ClusterView, Kept<T>>();

  constructor(compute: (pods: readonly PodInfo[]) => T) {
    this.#compute = compute;
  }

  /** By row; only rows of the batch are up to date. */
  of({ rows, count, view }: NodeBatch): readonly T[] {
    let kept = this.#kept.get(view);
    if (kept === undefined) {
      kept = { versions: [], facts: [] };
      this.#kept.set(view, kept);
    }
    const { versions, facts } = kept;
    for (let at = 0; at < count; at += 1) {
      const row = rows[at] as number;
      const version = view.podsVersion(row);
      if (versions[row] === version) continue;
      versions[row] = version;
      facts[row] = this.#compute(view.podsOf(row));
    }
    return facts;
  }
}

/** A batch of all rows that have a node. */
export function allNodes(view: ClusterView): NodeBatch {
  const rows = new Int32Array(view.size);
  let count = 0;
  for (let row = 0; row < view.size; row += 1) {
    if (view.names[row] === '') continue;
    rows[count] = row;
    count += 1;
  }
  return { rows, count, view };
}

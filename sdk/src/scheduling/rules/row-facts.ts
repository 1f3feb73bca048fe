/** What rules know about single rows, worked out again only when the row's node or pods are others than before. */
import type { Node } from '../../kube/index.ts';
import type { ClusterView, NodeBatch, PodInfo } from '../../contracts/scheduler2/index.ts';

interface Kept<S, T> {
  readonly sources: (S | undefined)[];
  readonly facts: T[];
}

class RowFacts<S, T> {
  readonly #sourceOf: (view: ClusterView, row: number) => S;
  readonly #compute: (source: S, view: ClusterView, row: number) => T;
  readonly #kept = new WeakMap<ClusterView, Kept<S, T>>();

  constructor(
    sourceOf: (view: ClusterView, row: number) => S,
    compute: (source: S, view: ClusterView, row: number) => T,
  ) {
    this.#sourceOf = sourceOf;
    this.#compute = compute;
  }

  /** By row; only rows of the batch are up to date. */
  of({ rows, count, view }: NodeBatch): readonly T[] {
    let kept = this.#kept.get(view);
    if (kept === undefined) {
      kept = { sources: [], facts: [] };
      this.#kept.set(view, kept);
    }
    const { sources, facts } = kept;
    const sourceOf = this.#sourceOf;
    for (let at = 0; at < count; at += 1) {
      const row = rows[at] as number;
      const source = sourceOf(view, row);
      if (sources[row] === source && source !== undefined) continue;
      sources[row] = source;
      facts[row] = this.#compute(source, view, row);
    }
    return facts;
  }
}

export type Facts<T> = Pick<RowFacts<unknown, T>, 'of'>;

/** Facts about nodes. */
export function nodeFacts<T>(compute: (node: Node | undefined) => T): Facts<T> {
  return new RowFacts<Node | undefined, T>((view, row) => view.nodes[row], compute);
}

/** Facts about the pods of nodes. */
export function podFacts<T>(compute: (pods: readonly PodInfo[]) => T): Facts<T> {
  return new RowFacts<readonly PodInfo[], T>((view, row) => view.podsOf(row), compute);
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

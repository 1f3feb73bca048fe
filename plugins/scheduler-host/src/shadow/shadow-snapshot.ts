/**
 * The snapshots that a scheduler had when it decided, for one who decides later. Rows never change, so it is enough to note which one
 * stood where at that moment. Before the decision the tap notes the rows that changed; when the other's turn comes, they are put into a
 * snapshot of his own: without what was assumed and bound since.
 */
import type { ClusterObjects, NodeRow, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';

/** What changed up to a moment that was looked at. */
export interface RowsAtMoment {
  readonly generation: number;
  readonly nodeCount: number;
  /** All rows, instead of the changed ones; `changed` goes on top of it. */
  readonly all: readonly NodeRow[] | undefined;
  readonly changed: ReadonlyMap<number, NodeRow>;
  /** Not copied: they may be of a later moment when their generation is another one. */
  readonly objects: ClusterObjects | undefined;
  readonly objectsGeneration: number;
}

export class SnapshotTap {
  #source: readonly NodeRow[] | undefined;
  #generation = -1;
  #nodeCount = 0;
  #objects: ClusterObjects | undefined;
  #objectsGeneration = 0;
  #all: readonly NodeRow[] | undefined;
  #changed = new Map<number, NodeRow>();

  /** The moment before a decision. Costs as much as has changed since the last call. */
  look(snapshot: SchedulerSnapshot): void {
    const { rows, objects } = snapshot;
    const changed = this.#source === rows ? snapshot.changedSince(this.#generation) : undefined;
    if (changed === undefined) {
      this.#all = [...rows];
      this.#changed = new Map();
    } else {
      for (const index of changed) {
        const row = rows[index];
        if (row !== undefined) this.#changed.set(index, row);
      }
    }
    this.#source = rows;
    this.#generation = snapshot.generation;
    this.#nodeCount = snapshot.nodeCount;
    this.#objects = objects;
    this.#objectsGeneration = objects.generation;
  }

  /** All that was noted since it was taken last, up to the last look. */
  take(): RowsAtMoment {
    const taken: RowsAtMoment = {
      generation: this.#generation,
      nodeCount: this.#nodeCount,
      all: this.#all,
      changed: this.#changed,
      objects: this.#objects,
      objectsGeneration: this.#objectsGeneration,
    };
    this.#all = undefined;
    this.#changed = new Map();
    return taken;
  }
}

const noObjects: ClusterObjects = {
  generation: 0,
  namespaceLabels: () => ({}),
  persistentVolumeClaim: () => undefined,
  persistentVolume: () => undefined,
  persistentVolumes: () => [],
  storageClass: () => undefined,
  csiNode: () => undefined,
  podDisruptionBudgets: () => [],
};

/** Shows one moment after the other. */
export class ShadowSnapshot implements SchedulerSnapshot {
  readonly rows: NodeRow[] = [];
  generation: number = 0;
  nodeCount: number = 0;
  objects: ClusterObjects = noObjects;
  /** Places of nodes. */
  readonly #places = new Map<string, number>();

  show({ generation, nodeCount, all, changed, objects }: RowsAtMoment): void {
    if (all !== undefined) {
      this.rows.length = 0;
      this.#places.clear();
      for (const [index, row] of all.entries()) this.#put(index, row);
    }
    for (const [index, row] of changed) this.#put(index, row);
    this.generation = generation;
    this.nodeCount = nodeCount;
    this.objects = objects ?? noObjects;
  }

  row(nodeName: string): NodeRow | undefined {
    const row = this.rows[this.#places.get(nodeName) ?? -1];
    return row?.node === undefined || row.name !== nodeName ? undefined : row;
  }

  /** Every row tells its generation, so there is no limit to how far it looks back. */
  changedSince(generation: number): readonly number[] {
    const changed: number[] = [];
    for (const [index, row] of this.rows.entries()) if (row.generation > generation) changed.push(index);
    return changed;
  }

  #put(index: number, row: NodeRow): void {
    this.rows[index] = row;
    if (row.node !== undefined) this.#places.set(row.name, index);
  }
}

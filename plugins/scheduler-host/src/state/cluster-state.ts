/**
 * The nodes with their pods, kept up to date change by change: what schedulers see. A row is made anew when somebody looks after
 * changes, since it costs as much as that node has pods. Pods of nodes that are not known are kept aside until the node comes.
 *
 * A pod's row is renewed when something changes that a rule may look at; the rest of its status may be of an earlier time.
 */
import { jsonEqual } from '@timonel/sdk/controller';
import type { ClusterObjects, NodePart, NodeRow, PodInfo, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';
import type { Node } from '@timonel/sdk/kube';
import { changedParts } from './node-parts.ts';

export interface Placement {
  readonly pod: PodInfo;
  readonly nodeName: string;
}

/** What a new version of a node means. */
export type NodeChange =
  | { readonly what: 'added' }
  | { readonly what: 'updated'; readonly old: Node; readonly parts: readonly NodePart[] };

/** What is not in the row as yet. */
interface Pending {
  /** Off the row, whether they are in it or not. */
  readonly removed: Set<string>;
  /** After that, by uid. */
  readonly added: Map<string, PodInfo>;
  generation: number;
}

const emptyRow = (generation: number): NodeRow => ({ name: '', node: undefined, pods: [], nominated: [], generation });

/** Whether schedulers see a difference between two versions of a placed pod. */
function differs(a: PodInfo, b: PodInfo): boolean {
  return (
    a.class.key !== b.class.key ||
    a.pod.metadata.deletionTimestamp !== b.pod.metadata.deletionTimestamp ||
    a.pod.status?.phase !== b.pod.status?.phase ||
    a.pod.status?.startTime !== b.pod.status?.startTime
  );
}

export class ClusterState implements SchedulerSnapshot {
  readonly objects: ClusterObjects;
  readonly #rows: NodeRow[] = [];
  readonly #pending = new Map<number, Pending>();
  readonly #byName = new Map<string, number>();
  readonly #holes: number[] = [];
  readonly #placed = new Map<string, Placement>();
  readonly #aside = new Map<string, Map<string, PodInfo>>();
  /** The row of each generation of late. */
  readonly #log: Int32Array;
  #generation = 0;

  constructor(objects: ClusterObjects, logLength: number = 65_536) {
    this.objects = objects;
    this.#log = new Int32Array(logLength);
  }

  get generation(): number {
    return this.#generation;
  }

  get rows(): readonly NodeRow[] {
    this.#settleAll();
    return this.#rows;
  }

  get nodeCount(): number {
    return this.#byName.size;
  }

  changedSince(generation: number): readonly number[] | undefined {
    const since = this.#generation - generation;
    if (!(since >= 0 && since <= this.#log.length)) return undefined;
    this.#settleAll();
    const changed: number[] = [];
    for (let at = generation + 1; at <= this.#generation; at++) {
      const index = this.#log[at % this.#log.length] ?? 0;
      // Only at its last change: each row once.
      if (this.#rows[index]?.generation === at) changed.push(index);
    }
    return changed;
  }

  hasNode(name: string): boolean {
    return this.#byName.has(name);
  }

  row(name: string): NodeRow | undefined {
    const index = this.#byName.get(name) ?? -1;
    this.#settle(index);
    return this.#rows[index];
  }

  /** Where a pod is counted. */
  placementOf(uid: string): Placement | undefined {
    return this.#placed.get(uid);
  }

  setNode(node: Node): NodeChange {
    const name = node.metadata.name ?? '';
    const old = this.row(name);
    if (old?.node === undefined) {
      this.#addNode(name, node);
      return { what: 'added' };
    }
    const parts = changedParts(old.node, node);
    if (parts.length > 0 || !jsonEqual(old.node.metadata.annotations, node.metadata.annotations)) {
      this.#replace(this.#byName.get(name) ?? -1, { node });
    }
    return { what: 'updated', old: old.node, parts };
  }

  /** Its pods are kept aside. */
  removeNode(name: string): void {
    const index = this.#byName.get(name);
    const row = this.row(name);
    if (index === undefined || row === undefined) return;
    if (row.pods.length > 0) this.#aside.set(name, new Map(row.pods.map((pod) => [pod.uid, pod])));
    this.#byName.delete(name);
    this.#holes.push(index);
    this.#put(index, emptyRow);
  }

  /** Counts a pod on a node, once. Answers where, and as what, it was counted before. */
  place(pod: PodInfo, nodeName: string): Placement | undefined {
    const before = this.#placed.get(pod.uid);
    if (before?.nodeName === nodeName && !differs(before.pod, pod)) return before;
    this.#placed.set(pod.uid, { pod, nodeName });
    if (before !== undefined && before.nodeName !== nodeName) this.#takeOut(before);
    const index = this.#byName.get(nodeName);
    if (index === undefined) {
      const aside = this.#aside.get(nodeName);
      if (aside === undefined) this.#aside.set(nodeName, new Map([[pod.uid, pod]]));
      else aside.set(pod.uid, pod);
      return before;
    }
    const pending = this.#change(index);
    if (before?.nodeName === nodeName) pending.removed.add(pod.uid);
    pending.added.set(pod.uid, pod);
    return before;
  }

  /** Answers where it was counted. */
  remove(uid: string): Placement | undefined {
    const placement = this.#placed.get(uid);
    if (placement === undefined) return undefined;
    this.#placed.delete(uid);
    this.#takeOut(placement);
    return placement;
  }

  /** The pods that victims make room for on a node. Without effect on a node that is not known. */
  nominate(nodeName: string, nominated: readonly PodInfo[]): void {
    const index = this.#byName.get(nodeName);
    if (index !== undefined) this.#replace(index, { nominated });
  }

  #takeOut({ pod, nodeName }: Placement): void {
    const index = this.#byName.get(nodeName);
    if (index !== undefined) {
      const { removed, added } = this.#change(index);
      removed.add(pod.uid);
      added.delete(pod.uid);
      return;
    }
    const aside = this.#aside.get(nodeName);
    aside?.delete(pod.uid);
    if (aside?.size === 0) this.#aside.delete(nodeName);
  }

  #addNode(name: string, node: Node): void {
    const index = this.#holes.pop() ?? this.#rows.length;
    this.#byName.set(name, index);
    const pods = [...(this.#aside.get(name)?.values() ?? [])];
    this.#aside.delete(name);
    this.#put(index, (generation) => ({ name, node, pods, nominated: [], generation }));
  }

  #replace(index: number, change: Partial<NodeRow>): void {
    this.#settle(index);
    const row = this.#rows[index];
    if (row !== undefined) this.#put(index, (generation) => ({ ...row, ...change, generation }));
  }

  #put(index: number, make: (generation: number) => NodeRow): void {
    this.#rows[index] = make(this.#nextGeneration(index));
  }

  #nextGeneration(index: number): number {
    this.#generation += 1;
    this.#log[this.#generation % this.#log.length] = index;
    return this.#generation;
  }

  #change(index: number): Pending {
    const generation = this.#nextGeneration(index);
    let pending = this.#pending.get(index);
    if (pending === undefined) {
      pending = { removed: new Set(), added: new Map(), generation };
      this.#pending.set(index, pending);
    } else pending.generation = generation;
    return pending;
  }

  #settleAll(): void {
    for (const index of this.#pending.keys()) this.#settle(index);
  }

  #settle(index: number): void {
    const pending = this.#pending.get(index);
    if (pending === undefined) return;
    this.#pending.delete(index);
    const { removed, added, generation } = pending;
    const row = this.#rows[index] ?? emptyRow(generation);
    const left = removed.size === 0 ? row.pods : row.pods.filter(({ uid }) => !removed.has(uid));
    this.#rows[index] = { ...row, pods: left.concat([...added.values()]), generation };
  }
}

/** A cluster that changes, and what a state that follows it must look like. */
import type { Node } from '../../../kube/index.ts';
import type { ClusterObjects, NodeRow, PodInfo, SchedulerSnapshot } from '../../../contracts/scheduler/index.ts';
import { WorkingState } from '../../working-state.ts';
import type { NodeWithPods, SmallCluster } from '../reference/one-node.ts';
import { objectsOf, type ObjectsSketch } from './one-node-sketches.ts';

/** A snapshot that changes, a state that follows it, and what the state must look like. */
export class World {
  readonly state: WorkingState = new WorkingState();
  readonly #rows: NodeRow[] = [];
  #generation = 1;
  #objects: ClusterObjects;
  /** As the state has it: the snapshot at the last sync, and what was assumed since. */
  #known: { node: Node | undefined; pods: PodInfo[] }[] = [];
  #knownObjects: ClusterObjects;

  constructor(nodes: readonly Node[], objects: ObjectsSketch) {
    this.#objects = objectsOf(objects, 1);
    this.#knownObjects = this.#objects;
    for (const [row, node] of nodes.entries()) this.setNode(row, node);
    this.sync();
  }

  get size(): number {
    return this.#rows.length;
  }

  #rowAt(row: number): NodeRow {
    const found = this.#rows[row];
    if (found === undefined) throw new Error(`there is no row ${row}`);
    return found;
  }

  setNode(row: number, node: Node | undefined): void {
    this.#set(row, { node, name: `n${row}`, pods: node === undefined ? [] : (this.#rows[row]?.pods ?? []) });
  }

  bind(row: number, pod: PodInfo): void {
    const { node, name, pods } = this.#rowAt(row);
    if (node !== undefined) this.#set(row, { node, name, pods: [...pods, pod] });
  }

  unbind(row: number): void {
    const { node, name, pods } = this.#rowAt(row);
    this.#set(row, { node, name, pods: pods.slice(1) });
  }

  #set(row: number, { node, name, pods }: Omit<NodeRow, 'generation' | 'nominated'>): void {
    this.#generation += 1;
    this.#rows[row] = { node, name, pods, nominated: [], generation: this.#generation };
  }

  setObjects(objects: ObjectsSketch): void {
    this.#generation += 1;
    this.#objects = objectsOf(objects, this.#generation);
  }

  assume(row: number, pod: PodInfo): void {
    if (this.#known[row]?.node === undefined) return;
    this.state.add(row, pod);
    this.#known[row].pods.push(pod);
  }

  remove(row: number): void {
    const pod = this.#known[row]?.pods.shift();
    if (pod !== undefined) this.state.remove(row, pod);
  }

  sync(): void {
    const rows = this.#rows;
    const snapshot: SchedulerSnapshot = {
      generation: this.#generation,
      rows,
      nodeCount: rows.filter(({ node }) => node !== undefined).length,
      changedSince: (generation) => rows.flatMap((row, at) => (row.generation > generation ? [at] : [])),
      objects: this.#objects,
    };
    this.state.sync(snapshot);
    this.#known = rows.map(({ node, pods }) => ({ node, pods: [...pods] }));
    this.#knownObjects = this.#objects;
  }

  /** What the state should look like, for references. */
  get cluster(): SmallCluster {
    const nodes: NodeWithPods[] = this.#known.flatMap(({ node, pods }) =>
      node === undefined ? [] : [{ node, pods: pods.map(({ pod }) => pod) }],
    );
    return { nodes, objects: this.#knownObjects };
  }
}

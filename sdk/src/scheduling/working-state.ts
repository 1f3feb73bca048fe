/**
 * The cluster as a scheduler works on it: columns that follow a snapshot change by change, with the decisions made since on top. What was
 * assumed is replaced by what really happened at the next `sync`.
 */
import { invariant } from '../kernel/index.ts';
import type { Node } from '../kube/index.ts';
import type {
  ClusterObjects,
  ClusterView,
  DomainCounts,
  NodeRow,
  PlacedTerm,
  PlacedTermKind,
  PodClass,
  PodInfo,
  PodMatcher,
  SchedulerSnapshot,
  TopologyDomains,
  UsageByLabel,
} from '../contracts/scheduler/index.ts';
import { ResourceColumns } from './columns.ts';
import { LabelUsages } from './label-usage.ts';
import { listedObjects } from './list-snapshot.ts';
import { NominatedPods, type Nomination } from './nominated.ts';
import { RowChanges } from './row-changes.ts';
import { TopologyIndex } from './topology-index.ts';

const noPods: readonly PodInfo[] = [];

/** Whether the one stands for the other in all sums. */
function countsAlike(a: PodInfo, b: PodInfo): boolean {
  if (a === b) return true;
  return a.uid === b.uid && a.class === b.class && isLeaving(a) === isLeaving(b);
}

function isLeaving({ pod }: PodInfo): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** With those that room is kept for. */
function allPods({ node, pods, nominated }: NodeRow): readonly PodInfo[] {
  if (node === undefined) return noPods;
  return nominated.length === 0 ? pods : [...pods, ...nominated];
}

export class WorkingState implements ClusterView {
  readonly names: string[] = [];
  readonly nodes: (Node | undefined)[] = [];
  readonly columns: ResourceColumns = new ResourceColumns();
  readonly changes: RowChanges = new RowChanges();
  readonly #byName = new Map<string, number>();
  readonly #pods: (readonly PodInfo[])[] = [];
  readonly #rows: (NodeRow | undefined)[] = [];
  /** Rows whose list of pods is not that of the snapshot. */
  readonly #own = new Set<number>();
  /** By row: another number for every other list of pods. */
  readonly #versions: number[] = [];
  #lastVersion = 0;
  /** Rows that are not as the snapshot has them. */
  readonly #touched = new Set<number>();
  readonly #groups = new Map<string, number>();
  readonly #topology: TopologyIndex;
  readonly #usages = new LabelUsages(this);
  readonly #nominated = new NominatedPods();
  #objects: ClusterObjects = listedObjects();
  #objectsGeneration = -1;
  #source: object | undefined;
  #generation = -1;
  #nodesGeneration = 0;
  #presentRows = new Int32Array(0);
  #presentStale = false;

  constructor() {
    this.#topology = new TopologyIndex(this, this.#objects);
  }

  get size(): number {
    return this.names.length;
  }

  get nodeCount(): number {
    return this.#byName.size;
  }

  get nodesGeneration(): number {
    return this.#nodesGeneration;
  }

  get objects(): ClusterObjects {
    return this.#objects;
  }

  get scoringMilliCpu(): Float64Array {
    return this.columns.scoringMilliCpu;
  }

  get scoringMemoryBytes(): Float64Array {
    return this.columns.scoringMemoryBytes;
  }

  get allocatablePods(): Float64Array {
    return this.columns.allocatablePods;
  }

  get podCount(): Float64Array {
    return this.columns.podCount;
  }

  rowOf(name: string): number | undefined {
    return this.#byName.get(name);
  }

  allocatable(resource: string): Float64Array {
    return this.columns.of(resource).allocatable;
  }

  requested(resource: string): Float64Array {
    return this.columns.of(resource).requested;
  }

  podsOf(row: number): readonly PodInfo[] {
    return this.#pods[row] ?? noPods;
  }

  usageBy(labelKey: string): UsageByLabel {
    return this.#usages.by(labelKey);
  }

  domains(topologyKey: string): TopologyDomains {
    return this.#topology.domains(topologyKey);
  }

  matching(matcher: PodMatcher, topologyKey: string, leaving: boolean): DomainCounts {
    return this.#topology.matching(matcher, topologyKey, leaving);
  }

  placedTerms(kind: PlacedTermKind): Iterable<PlacedTerm> {
    return this.#topology.placedTerms(kind);
  }

  placedTermsAbout(kind: PlacedTermKind, pod: PodClass): readonly PlacedTerm[] {
    return this.#topology.placedTermsAbout(kind, pod);
  }

  matches(matcher: PodMatcher, pod: PodClass): boolean {
    return this.#topology.matches(matcher, pod);
  }

  /** Rows that have a node, in ascending order. Valid until the next change of nodes. */
  get presentRows(): Int32Array {
    if (this.#presentStale) {
      this.#presentStale = false;
      this.#presentRows = Int32Array.from(this.#byName.values()).sort();
    }
    return this.#presentRows;
  }

  podsVersion(row: number): number {
    return this.#versions[row] ?? 0;
  }

  /** Members of a pod group that have a node, without those that are being deleted. */
  placedOfGroup(key: string): number {
    return this.#groups.get(key) ?? 0;
  }

  /** Takes over what is new in the snapshot, and drops what was only assumed. */
  sync(snapshot: SchedulerSnapshot): void {
    if (snapshot.objects !== this.#objects || snapshot.objects.generation !== this.#objectsGeneration) {
      this.#objects = snapshot.objects;
      this.#objectsGeneration = snapshot.objects.generation;
      this.#topology.setObjects(this.#objects);
    }
    const { rows, generation } = snapshot;
    const changed = this.#source === snapshot.rows ? snapshot.changedSince(this.#generation) : undefined;
    if (changed === undefined) {
      for (let row = 0; row < Math.max(rows.length, this.size); row += 1) this.#setRow(row, rows[row]);
    } else {
      for (const row of changed) this.#setRow(row, rows[row]);
      for (const row of this.#touched) this.#setRow(row, rows[row]);
    }
    this.#touched.clear();
    this.#topology.sweep();
    this.#source = snapshot.rows;
    this.#generation = generation;
  }

  /** Puts a pod on a node until the next `sync`. */
  add(row: number, pod: PodInfo): void {
    this.#ownPods(row).push(pod);
    this.#count(row, pod, 1);
    this.#touch(row);
  }

  /** Takes a pod off a node until the next `sync`. */
  remove(row: number, pod: PodInfo): void {
    const pods = this.#ownPods(row);
    const at = pods.lastIndexOf(pod);
    invariant(at >= 0, `pod ${pod.namespace}/${pod.name} is taken off a node that has it`);
    pods.splice(at, 1);
    this.#count(row, pod, -1);
    this.#touch(row);
  }

  /** Puts a pod that waits for victims on a node until the next `sync`: it is one of the nominated. */
  nominate(row: number, pod: PodInfo): void {
    this.add(row, pod);
    this.#nominated.add(row, pod);
  }

  /** Runs `work` without the nominated pods that do not count for `pod`. `isPlaced`: its own place is free afterwards. */
  withoutNominated<T>(pod: PodInfo, work: () => T, isPlaced: (result: T) => boolean = () => false): T {
    const ignored = this.#nominated.ignoredBy(pod);
    return this.#without(ignored, work, (other, result) => other.uid === pod.uid && isPlaced(result));
  }

  /**
   * Runs `work` without the nominated pods that `pod` would lean on: they are not there yet, and may get another place. undefined: there are
   * none.
   */
  withoutSupport<T>(pod: PodInfo, work: () => T): T | undefined {
    const support = this.#nominated.leanedOnBy(pod, (matcher, other) => this.matches(matcher, other));
    return support.length === 0 ? undefined : this.#without(support, work, () => false);
  }

  #without<T>(nominations: readonly Nomination[], work: () => T, isGone: (pod: PodInfo, result: T) => boolean): T {
    // One that was decided about since the last sync is not there any more.
    const away = nominations.filter(({ row, pod }) => this.podsOf(row).includes(pod));
    if (away.length === 0) return work();
    for (const { row, pod } of away) this.remove(row, pod);
    let result: { readonly value: T } | undefined;
    try {
      result = { value: work() };
      return result.value;
    } finally {
      for (const { row, pod } of away) if (result === undefined || !isGone(pod, result.value)) this.add(row, pod);
    }
  }

  /** Takes pods off a node and puts them back, for a look; everything is as it was when `work` has returned. */
  trial<T>(row: number, work: (change: { remove(pod: PodInfo): void; add(pod: PodInfo): void }) => T): T {
    const before = this.podsOf(row);
    const isOwn = this.#own.has(row);
    const version = this.podsVersion(row);
    const removed = new Set<PodInfo>();
    let isOver = false;
    const change = (pod: PodInfo, sign: 1 | -1): void => {
      invariant(!isOver, 'a trial is used while it lasts');
      const isMove = sign === 1 ? removed.delete(pod) : before.includes(pod) && !removed.has(pod);
      invariant(isMove, `pod ${pod.namespace}/${pod.name} is moved within its node`);
      if (sign === -1) removed.add(pod);
      this.#setPods(
        row,
        before.filter((other) => !removed.has(other)),
      );
      this.#count(row, pod, sign);
    };
    try {
      return work({ remove: (pod) => change(pod, -1), add: (pod) => change(pod, 1) });
    } finally {
      isOver = true;
      for (const pod of removed) this.#count(row, pod, 1);
      this.#setPods(row, before);
      if (isOwn) this.#own.add(row);
      this.#versions[row] = version;
    }
  }

  #touch(row: number): void {
    this.#touched.add(row);
    this.changes.note(row);
  }

  #setPods(row: number, pods: readonly PodInfo[]): void {
    this.#pods[row] = pods;
    this.#own.delete(row);
    this.#renew(row);
  }

  /** The list, to be changed: not that of the snapshot. On a node with very many pods a copy for each new one would be the most of the work. */
  #ownPods(row: number): PodInfo[] {
    if (!this.#own.has(row)) {
      this.#pods[row] = [...this.podsOf(row)];
      this.#own.add(row);
    }
    this.#renew(row);
    return this.#pods[row] as PodInfo[];
  }

  #renew(row: number): void {
    this.#lastVersion += 1;
    this.#versions[row] = this.#lastVersion;
  }

  #count(row: number, pod: PodInfo, sign: 1 | -1): void {
    const { request, scoringRequest, group } = pod.class;
    this.columns.count(row, request, scoringRequest, sign);
    this.#topology.count(row, pod, sign);
    this.#usages.count(pod, sign);
    if (group === undefined || isLeaving(pod)) return;
    const placed = (this.#groups.get(group.key) ?? 0) + sign;
    if (placed === 0) this.#groups.delete(group.key);
    else this.#groups.set(group.key, placed);
  }

  #setRow(row: number, next: NodeRow | undefined): void {
    const before = this.#rows[row];
    if (before === next && !this.#touched.has(row)) return;
    while (this.names.length <= row) {
      this.names.push('');
      this.nodes.push(undefined);
      this.#pods.push(noPods);
      this.#rows.push(undefined);
    }
    this.columns.reserve(this.size);
    this.#topology.reserve(this.size);
    this.#rows[row] = next;
    const pods = next === undefined ? noPods : allPods(next);
    this.#nominated.set(row, next?.node === undefined ? noPods : next.nominated);
    if (this.nodes[row] === next?.node) this.#exchange(row, pods);
    else if (this.nodes[row] === undefined || next?.node === undefined || this.#topology.moves(row, next.node)) {
      this.#exchange(row, noPods);
      this.#setNode(row, next);
      this.#exchange(row, pods);
    } else {
      this.#setNode(row, next);
      this.#exchange(row, pods);
    }
    this.changes.note(row);
  }

  #setNode(row: number, next: NodeRow | undefined): void {
    const node = next?.node;
    const name = node === undefined ? '' : (next?.name ?? '');
    const old = this.names[row] ?? '';
    if (old !== name) {
      if (old !== '' && this.#byName.get(old) === row) this.#byName.delete(old);
      if (name !== '') this.#byName.set(name, row);
      this.names[row] = name;
      this.#presentStale = true;
    }
    this.nodes[row] = node;
    this.#nodesGeneration += 1;
    this.columns.setNode(row, node);
    this.#topology.setNode(row, node);
  }

  /** Counts what came and what went. Lists mostly differ at their ends. */
  #exchange(row: number, next: readonly PodInfo[]): void {
    const before = this.podsOf(row);
    if (before === next) return;
    this.#setPods(row, next);
    let same = 0;
    const shorter = Math.min(before.length, next.length);
    while (same < shorter && countsAlike(before[same] as PodInfo, next[same] as PodInfo)) same += 1;
    if (same === before.length && same === next.length) return;
    const gone = new Map<string, PodInfo>();
    for (let at = same; at < before.length; at += 1) {
      const pod = before[at] as PodInfo;
      const twin = gone.get(pod.uid);
      if (twin !== undefined) this.#count(row, twin, -1);
      gone.set(pod.uid, pod);
    }
    for (let at = same; at < next.length; at += 1) {
      const pod = next[at] as PodInfo;
      const old = gone.get(pod.uid);
      if (old !== undefined && countsAlike(old, pod)) gone.delete(pod.uid);
      else this.#count(row, pod, 1);
    }
    for (const pod of gone.values()) this.#count(row, pod, -1);
  }
}

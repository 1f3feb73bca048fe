/** Nodes and pods in memory as a scheduler's host keeps them. Rows are made anew when somebody looks. */
import type { KubeObject, Node } from '@timonel/sdk/kube';
import type { ClusterObjects, NodeRow, PodInfo, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';

interface Place {
  node: Node | undefined;
  readonly name: string;
  /** By uid, in the order of their binding. */
  readonly pods: Map<string, PodInfo>;
  /** For whom room was made. */
  readonly nominated: Map<string, PodInfo>;
}

const logLimit = 1 << 17;
const noLabels: Readonly<Record<string, string>> = {};

/** Objects of kinds that rules look up, by `namespace/name`. */
class MemoryObjects implements ClusterObjects {
  generation = 1;
  readonly #byKind = new Map<string, Map<string, KubeObject>>();

  set(kind: string, namespace: string | undefined, name: string, object: KubeObject | undefined): void {
    let objects = this.#byKind.get(kind);
    if (objects === undefined) this.#byKind.set(kind, (objects = new Map()));
    const key = `${namespace ?? ''}/${name}`;
    if (object === undefined) objects.delete(key);
    else objects.set(key, object);
    this.generation += 1;
  }

  #get(kind: string, name: string, namespace = ''): KubeObject | undefined {
    return this.#byKind.get(kind)?.get(`${namespace}/${name}`);
  }

  #all(kind: string): Iterable<KubeObject> {
    return this.#byKind.get(kind)?.values() ?? [];
  }

  namespaceLabels(namespace: string): Readonly<Record<string, string>> {
    return this.#get('Namespace', namespace)?.metadata.labels ?? noLabels;
  }

  persistentVolumeClaim(namespace: string, name: string): KubeObject | undefined {
    return this.#get('PersistentVolumeClaim', name, namespace);
  }

  persistentVolume(name: string): KubeObject | undefined {
    return this.#get('PersistentVolume', name);
  }

  persistentVolumes(): Iterable<KubeObject> {
    return this.#all('PersistentVolume');
  }

  storageClass(name: string): KubeObject | undefined {
    return this.#get('StorageClass', name);
  }

  csiNode(name: string): KubeObject | undefined {
    return this.#get('CSINode', name);
  }

  podDisruptionBudgets(): Iterable<KubeObject> {
    return this.#all('PodDisruptionBudget');
  }
}

export class MemorySnapshot implements SchedulerSnapshot {
  readonly objects: MemoryObjects = new MemoryObjects();
  readonly #places: Place[] = [];
  readonly #rows: NodeRow[] = [];
  readonly #rowOf = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #stale = new Set<number>();
  /** Rows by generation; the first entry is of generation `#logStart`. */
  #log: number[] = [];
  #logStart = 1;
  #nodeCount = 0;

  get generation(): number {
    return this.#logStart + this.#log.length - 1;
  }

  get nodeCount(): number {
    return this.#nodeCount;
  }

  get rows(): readonly NodeRow[] {
    for (const row of this.#stale) {
      const { name, node, pods, nominated } = this.#places[row] as Place;
      const [podList, nominees] = [[...pods.values()], [...nominated.values()]];
      this.#rows[row] = { name, node, pods: podList, nominated: nominees, generation: this.generation };
    }
    this.#stale.clear();
    return this.#rows;
  }

  changedSince(generation: number): readonly number[] | undefined {
    if (generation < this.#logStart - 1) return undefined;
    return [...new Set(this.#log.slice(generation - this.#logStart + 1))];
  }

  hasNode(name: string): boolean {
    return this.#rowOf.has(name);
  }

  addNode(node: Node): void {
    const name = node.metadata.name ?? '';
    const row = this.#rowOf.get(name) ?? this.#free.pop() ?? this.#places.length;
    if (!this.#rowOf.has(name)) this.#nodeCount += 1;
    this.#rowOf.set(name, row);
    const { pods = new Map(), nominated = new Map() } = this.#places[row] ?? {};
    this.#places[row] = { node, name, pods, nominated };
    this.#touch(row);
  }

  removeNode(name: string): void {
    const row = this.#rowOf.get(name);
    if (row === undefined) return;
    this.#rowOf.delete(name);
    this.#free.push(row);
    this.#places[row] = { node: undefined, name: '', pods: new Map(), nominated: new Map() };
    this.#nodeCount -= 1;
    this.#touch(row);
  }

  place(pod: PodInfo, nodeName: string): void {
    const row = this.#rowOf.get(nodeName);
    if (row === undefined) throw new Error(`there is no node "${nodeName}"`);
    (this.#places[row] as Place).pods.set(pod.uid, pod);
    this.#touch(row);
  }

  displace(uid: string, nodeName: string): void {
    const row = this.#rowOf.get(nodeName);
    if (row === undefined) return;
    (this.#places[row] as Place).pods.delete(uid);
    this.#touch(row);
  }

  nominate(pod: PodInfo, nodeName: string, isNominated: boolean): void {
    const row = this.#rowOf.get(nodeName);
    if (row === undefined) return;
    const { nominated } = this.#places[row] as Place;
    if (isNominated) nominated.set(pod.uid, pod);
    else nominated.delete(pod.uid);
    this.#touch(row);
  }

  #touch(row: number): void {
    this.#stale.add(row);
    this.#log.push(row);
    if (this.#log.length <= 2 * logLimit) return;
    this.#logStart += this.#log.length - logLimit;
    this.#log = this.#log.slice(-logLimit);
  }
}

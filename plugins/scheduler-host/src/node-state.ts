/** All nodes and what runs on them, kept up to date change by change; snapshots are copies of the columns. */
import { milliCpu, wholeQuantity, type Node, type Pod } from '@timonel/sdk/kube';
import { podRequest, type NodeTable, type PodRequest, type SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';

interface PlacedPod {
  readonly pod: Pod;
  readonly nodeName: string;
  readonly request: PodRequest;
}

interface NodeEntry {
  node: Node;
  readonly pods: Map<string, PlacedPod>;
  milliCpu: number;
  memoryBytes: number;
}

function compareNames(a: NodeEntry, b: NodeEntry): number {
  const left = a.node.metadata.name ?? '';
  const right = b.node.metadata.name ?? '';
  return left < right ? -1 : left > right ? 1 : 0;
}

export class NodeState {
  readonly #nodes = new Map<string, NodeEntry>();
  /** Pods by uid: where each is counted. */
  readonly #placed = new Map<string, PlacedPod>();
  /** Pods of nodes that are not known yet. */
  readonly #homeless = new Map<string, Map<string, PlacedPod>>();
  #generation = 0;
  #snapshot: SchedulerSnapshot | undefined;

  get nodeCount(): number {
    return this.#nodes.size;
  }

  hasNode(name: string): boolean {
    return this.#nodes.has(name);
  }

  setNode(node: Node): void {
    const name = node.metadata.name ?? '';
    this.#snapshot = undefined;
    const known = this.#nodes.get(name);
    if (known !== undefined) {
      known.node = node;
      return;
    }
    const entry: NodeEntry = { node, pods: new Map(), milliCpu: 0, memoryBytes: 0 };
    this.#nodes.set(name, entry);
    for (const placed of this.#homeless.get(name)?.values() ?? []) this.#count(entry, placed);
    this.#homeless.delete(name);
  }

  removeNode(name: string): void {
    const entry = this.#nodes.get(name);
    if (entry === undefined) return;
    this.#snapshot = undefined;
    this.#nodes.delete(name);
    if (entry.pods.size > 0) this.#homeless.set(name, new Map(entry.pods));
  }

  /** Counts a pod on a node; moves it when it was counted elsewhere. */
  place(pod: Pod, nodeName: string): void {
    const uid = pod.metadata.uid ?? '';
    const known = this.#placed.get(uid);
    if (known?.nodeName === nodeName && known.pod === pod) return;
    this.remove(uid);
    const placed: PlacedPod = { pod, nodeName, request: podRequest(pod) };
    this.#placed.set(uid, placed);
    this.#snapshot = undefined;
    const entry = this.#nodes.get(nodeName);
    if (entry !== undefined) {
      this.#count(entry, placed);
      return;
    }
    const waiting = this.#homeless.get(nodeName) ?? new Map<string, PlacedPod>();
    waiting.set(uid, placed);
    this.#homeless.set(nodeName, waiting);
  }

  /** Answers whether the pod was counted. */
  remove(uid: string): boolean {
    const placed = this.#placed.get(uid);
    if (placed === undefined) return false;
    this.#placed.delete(uid);
    this.#snapshot = undefined;
    const entry = this.#nodes.get(placed.nodeName);
    if (entry?.pods.delete(uid) === true) {
      entry.milliCpu -= placed.request.milliCpu;
      entry.memoryBytes -= placed.request.memoryBytes;
    }
    const homeless = this.#homeless.get(placed.nodeName);
    homeless?.delete(uid);
    if (homeless?.size === 0) this.#homeless.delete(placed.nodeName);
    return true;
  }

  #count(entry: NodeEntry, placed: PlacedPod): void {
    entry.pods.set(placed.pod.metadata.uid ?? '', placed);
    entry.milliCpu += placed.request.milliCpu;
    entry.memoryBytes += placed.request.memoryBytes;
  }

  /** The state now. Nothing changes it afterwards; the same object until something changed. */
  snapshot(): SchedulerSnapshot {
    if (this.#snapshot !== undefined) return this.#snapshot;
    const entries = [...this.#nodes.values()].sort(compareNames);
    const column = (valueOf: (entry: NodeEntry) => number): Float64Array => Float64Array.from(entries, valueOf);
    const allocatable = (entry: NodeEntry, resource: string, parse: (text: string) => number | undefined): number =>
      parse(entry.node.status?.allocatable?.[resource] ?? '0') ?? 0;
    const table: NodeTable = {
      count: entries.length,
      names: entries.map((entry) => entry.node.metadata.name ?? ''),
      nodes: entries.map((entry) => entry.node),
      allocatableMilliCpu: column((entry) => allocatable(entry, 'cpu', milliCpu)),
      allocatableMemoryBytes: column((entry) => allocatable(entry, 'memory', wholeQuantity)),
      allocatablePods: column((entry) => allocatable(entry, 'pods', wholeQuantity)),
      requestedMilliCpu: column((entry) => entry.milliCpu),
      requestedMemoryBytes: column((entry) => entry.memoryBytes),
      podCount: column((entry) => entry.pods.size),
      pods: entries.map((entry) => [...entry.pods.values()].map((placed) => placed.pod)),
    };
    this.#generation += 1;
    this.#snapshot = { generation: this.#generation, table };
    return this.#snapshot;
  }
}

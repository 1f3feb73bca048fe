import { milliCpu, wholeQuantity, type Node } from '../kube/index.ts';
import type { PodRequest } from '../contracts/scheduler/index.ts';

/** Grows by doubling: columns are longer than there are rows. */
function grown(column: Float64Array, length: number): Float64Array {
  if (length <= column.length) return column;
  const larger = new Float64Array(Math.max(length, column.length * 2));
  larger.set(column);
  return larger;
}

export interface ResourceColumn {
  allocatable: Float64Array;
  requested: Float64Array;
}

const startLength = 64;
const newColumn = (length: number): Float64Array => new Float64Array(Math.max(startLength, length));

/** Resources of nodes in columns: what they have, and what their pods ask for. */
export class ResourceColumns {
  readonly #resources = new Map<string, ResourceColumn>();
  #none: ResourceColumn = { allocatable: newColumn(0), requested: newColumn(0) };
  #length = startLength;
  readonly cpu: ResourceColumn;
  readonly memory: ResourceColumn;
  readonly storage: ResourceColumn;
  scoringMilliCpu: Float64Array = newColumn(0);
  scoringMemoryBytes: Float64Array = newColumn(0);
  allocatablePods: Float64Array = newColumn(0);
  podCount: Float64Array = newColumn(0);

  constructor() {
    this.cpu = this.#made('cpu');
    this.memory = this.#made('memory');
    this.storage = this.#made('ephemeral-storage');
  }

  /** A resource that no node has and no placed pod asks for is 0 everywhere, and costs nothing. */
  of(resource: string): ResourceColumn {
    return this.#resources.get(resource) ?? this.#none;
  }

  #made(resource: string): ResourceColumn {
    let column = this.#resources.get(resource);
    if (column === undefined) {
      column = { allocatable: newColumn(this.#length), requested: newColumn(this.#length) };
      this.#resources.set(resource, column);
    }
    return column;
  }

  reserve(rows: number): void {
    if (rows <= this.#length) return;
    this.#length = Math.max(rows, this.#length * 2);
    this.#none = { allocatable: newColumn(this.#length), requested: newColumn(this.#length) };
    for (const column of this.#resources.values()) {
      column.allocatable = grown(column.allocatable, this.#length);
      column.requested = grown(column.requested, this.#length);
    }
    this.scoringMilliCpu = grown(this.scoringMilliCpu, this.#length);
    this.scoringMemoryBytes = grown(this.scoringMemoryBytes, this.#length);
    this.allocatablePods = grown(this.allocatablePods, this.#length);
    this.podCount = grown(this.podCount, this.#length);
  }

  setNode(row: number, node: Node | undefined): void {
    for (const column of this.#resources.values()) column.allocatable[row] = 0;
    this.allocatablePods[row] = 0;
    for (const [resource, amount] of Object.entries(node?.status?.allocatable ?? {})) {
      const value = (resource === 'cpu' ? milliCpu(amount) : wholeQuantity(amount)) ?? 0;
      if (resource === 'pods') this.allocatablePods[row] = value;
      else this.#made(resource).allocatable[row] = value;
    }
  }

  /** `sign`: 1 for a pod that comes, -1 for one that goes. */
  count(row: number, request: PodRequest, scoring: { milliCpu: number; memoryBytes: number }, sign: 1 | -1): void {
    bump(this.cpu.requested, row, sign * request.milliCpu);
    bump(this.memory.requested, row, sign * request.memoryBytes);
    bump(this.storage.requested, row, sign * request.ephemeralStorageBytes);
    bump(this.scoringMilliCpu, row, sign * scoring.milliCpu);
    bump(this.scoringMemoryBytes, row, sign * scoring.memoryBytes);
    bump(this.podCount, row, sign);
    for (const resource in request.extended) {
      bump(this.#made(resource).requested, row, sign * (request.extended[resource] ?? 0));
    }
  }
}

function bump(column: Float64Array, row: number, by: number): void {
  column[row] = (column[row] ?? 0) + by;
}

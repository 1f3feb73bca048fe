/** How much can be made of a class on a node, where a driver tells. Source: Kubernetes documentation, "Storage Capacity". */
import type { ClusterObjects } from '../../contracts/scheduler/index.ts';
import {
  fromLabelSelector,
  matchesSelector,
  wholeQuantity,
  type CsiDriver,
  type CsiStorageCapacity,
  type Node,
} from '../../kube/index.ts';

const hostname = 'kubernetes.io/hostname';

export class StorageRoom {
  readonly #ofHost = new Map<string, CsiStorageCapacity[]>();
  readonly #others: CsiStorageCapacity[] = [];

  add(capacity: CsiStorageCapacity): void {
    const host = capacity.nodeTopology?.matchLabels?.[hostname];
    if (host === undefined) this.#others.push(capacity);
    else this.#ofHost.set(host, [...(this.#ofHost.get(host) ?? []), capacity]);
  }

  /** Whether volumes of these sizes can be made for the node. */
  holds(node: Node, sizes: readonly number[]): boolean {
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const largest = Math.max(...sizes);
    return [...(this.#ofHost.get(node.metadata.labels?.[hostname] ?? '') ?? []), ...this.#others].some((capacity) => {
      const free = wholeQuantity(capacity.capacity ?? '');
      const limit = wholeQuantity(capacity.maximumVolumeSize ?? capacity.capacity ?? '');
      return free !== undefined && limit !== undefined && total <= free && largest <= limit && reaches(capacity, node);
    });
  }
}

function reaches({ nodeTopology }: CsiStorageCapacity, { metadata }: Node): boolean {
  if (nodeTopology === undefined) return false;
  try {
    return matchesSelector(fromLabelSelector(nodeTopology), metadata.labels);
  } catch {
    return false;
  }
}

interface Known {
  readonly generation: number;
  readonly byClass: Map<string, StorageRoom>;
}

const known = new WeakMap<ClusterObjects, Known>();

/**
 * Where there is room for volumes of the class; undefined: its driver does not tell. A provisioner whose name no CSIDriver can have tells
 * by its capacities alone.
 */
export function roomFor(objects: ClusterObjects, provisioner: string, className: string): StorageRoom | undefined {
  const driver: CsiDriver | undefined = objects.csiDriver?.(provisioner);
  const isDriver = !provisioner.includes('/');
  if (isDriver && driver?.spec?.storageCapacity !== true) return undefined;
  let rooms = known.get(objects);
  if (rooms?.generation !== objects.generation) {
    rooms = { generation: objects.generation, byClass: roomsOf(objects) };
    known.set(objects, rooms);
  }
  let room = rooms.byClass.get(className);
  if (room === undefined && isDriver) rooms.byClass.set(className, (room = new StorageRoom()));
  return room;
}

function roomsOf(objects: ClusterObjects): Map<string, StorageRoom> {
  const byClass = new Map<string, StorageRoom>();
  for (const capacity of objects.csiStorageCapacities?.() ?? []) {
    const { storageClassName = '' } = capacity as CsiStorageCapacity;
    let room = byClass.get(storageClassName);
    if (room === undefined) byClass.set(storageClassName, (room = new StorageRoom()));
    room.add(capacity);
  }
  return byClass;
}

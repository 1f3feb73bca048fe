/** What is measured of a node, by the kubelet's names, and what each signal means. Pure. */

/** Those that thresholds may be set for. */
export const settableSignals = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'pid.available',
] as const;

export type SettableSignal = (typeof settableSignals)[number];

/** And what pods have left of the memory that is theirs: with the hard threshold of `memory.available`. */
export type Signal = SettableSignal | 'allocatableMemory.available';

export type NodePressure = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

/** As messages name it. */
export type StarvedResource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

interface Meaning {
  readonly condition: NodePressure;
  readonly resource: StarvedResource;
}

const meanings: Readonly<Record<Signal, Meaning>> = {
  'memory.available': { condition: 'MemoryPressure', resource: 'memory' },
  'allocatableMemory.available': { condition: 'MemoryPressure', resource: 'memory' },
  'nodefs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'imagefs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'nodefs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'imagefs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'pid.available': { condition: 'PIDPressure', resource: 'pids' },
};

export function meaningOf(signal: Signal): Meaning {
  return meanings[signal];
}

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

/** A signal that cannot be measured on this node is absent: no threshold of it is ever met. */
export type Observations = ReadonlyMap<Signal, Observation>;

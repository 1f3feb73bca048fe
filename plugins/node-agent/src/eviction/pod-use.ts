/** What one pod takes of the node. */
import type { Pod } from '@timonel/sdk/kube';
import type { Space } from '@timonel/sdk/linux';

export type { Space };

export interface VolumeSpace extends Space {
  /** What whoever serves the volume lets it take. */
  readonly limitBytes?: number;
}

export interface ContainerUse {
  readonly name: string;
  readonly memoryBytes: number;
  /** What it wrote beside its volumes. Undefined: its runtime does not say. */
  readonly written: Space | undefined;
  readonly logs: Space;
}

export interface PodUse {
  readonly memoryBytes: number;
  readonly pids: number;
  readonly containers: readonly ContainerUse[];
  /** By name, those that count as ephemeral storage. */
  readonly volumes: ReadonlyMap<string, VolumeSpace>;
}

/** `use`: undefined when nothing is known of it. */
export interface Candidate {
  readonly pod: Pod;
  readonly use: PodUse | undefined;
}

export function summed(spaces: Iterable<Space>): Space {
  const sum = { bytes: 0, inodes: 0 };
  for (const { bytes, inodes } of spaces) {
    sum.bytes += bytes;
    sum.inodes += inodes;
  }
  return sum;
}

/** On the filesystem of the images, when that is one of its own, else nowhere apart. */
export function writtenBy({ containers }: PodUse): Space {
  return summed(containers.flatMap(({ written }) => (written === undefined ? [] : [written])));
}

export function logsAndVolumes({ containers, volumes }: PodUse): Space {
  return summed([...containers.map(({ logs }) => logs), ...volumes.values()]);
}

/** Local ephemeral storage: what limits and requests of that name are about. */
export function ephemeralStorage(use: PodUse): Space {
  return summed([writtenBy(use), logsAndVolumes(use)]);
}

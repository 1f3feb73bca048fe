/** Measures the signals of this node. */
import { readFile, stat, statfs } from 'node:fs/promises';
import { nodeMemory } from './node-memory.ts';
import type { Observation, Signal } from './signals.ts';

export interface NodePaths {
  /** On the filesystem of pods' volumes and logs. */
  readonly data: string;
  /** On that of images and of what containers write. */
  readonly images: string;
}

export interface NodeMeasures {
  readonly observations: Map<Signal, Observation>;
  /** Images lie on a filesystem of their own. */
  readonly ownImages: boolean;
}

/** What is asked of the node; tests give another. */
export type MeasureNode = (paths: NodePaths) => Promise<NodeMeasures>;

async function space(path: string): Promise<{ bytes: Observation; inodes: Observation | undefined }> {
  const { blocks, bavail, bsize, files, ffree } = await statfs(path);
  const inodes = files === 0 ? undefined : { available: ffree, capacity: files };
  return { bytes: { available: bavail * bsize, capacity: blocks * bsize }, inodes };
}

async function numberIn(path: string): Promise<number> {
  return Number((await readFile(path, 'utf8').catch(() => '')).trim() || Number.NaN);
}

/** Threads count, as for the kernel. */
async function pids(): Promise<Observation | undefined> {
  const limits = await Promise.all([numberIn('/proc/sys/kernel/pid_max'), numberIn('/proc/sys/kernel/threads-max')]);
  const capacity = Math.min(...limits.filter((limit) => limit > 0));
  // Fourth field of /proc/loadavg: runnable/total scheduling entities.
  const tasks = /\d+\/(\d+)/.exec(await readFile('/proc/loadavg', 'utf8').catch(() => ''))?.[1];
  if (tasks === undefined || !Number.isFinite(capacity)) return undefined;
  return { available: Math.max(0, capacity - Number(tasks)), capacity };
}

export const measureNode: MeasureNode = async ({ data, images }) => {
  const observations = new Map<Signal, Observation>();
  const memory = await nodeMemory();
  if (memory !== undefined) {
    const { capacityBytes: capacity, workingSetBytes } = memory;
    observations.set('memory.available', { available: Math.max(0, capacity - workingSetBytes), capacity });
  }
  const [ofData, ofImages] = await Promise.all([space(data), space(images)]);
  const filesystems = { nodefs: ofData, imagefs: ofImages } as const;
  for (const name of ['nodefs', 'imagefs'] as const) {
    const { bytes, inodes } = filesystems[name];
    observations.set(`${name}.available`, bytes);
    if (inodes !== undefined) observations.set(`${name}.inodesFree`, inodes);
  }
  const processes = await pids();
  if (processes !== undefined) observations.set('pid.available', processes);
  const [dataStat, imagesStat] = await Promise.all([stat(data), stat(images)]);
  return { observations, ownImages: dataStat.dev !== imagesStat.dev };
};

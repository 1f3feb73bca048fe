import type { LinuxResources } from '@timonel/sdk/contracts/runtime';

export interface CgroupUsage {
  readonly cpuUsageNanos: number;
  readonly memoryUsageBytes: number;
  readonly memoryWorkingSetBytes: number;
  readonly pids: number;
}

/**
 * One version of the kernel's control groups. Paths are relative to the root of each hierarchy, `a/b/c`. Calls are
 * synchronous: these files are the kernel's memory, and each takes microseconds.
 */
export interface CgroupDriver {
  readonly version: 'v1' | 'v2';
  /** What the container mounts at /sys/fs/cgroup: `v2`, or the names of the v1 controllers. */
  readonly containerMounts: readonly string[];
  /** Makes the group (its parents too) and sets its limits. A limit that is absent stays as it is. */
  create(path: string, resources: LinuxResources): void;
  /** The files a process writes "0" to in order to join. */
  joinFiles(path: string): readonly string[];
  /** The file with the counter `oom_kill`. */
  oomFile(path: string): string;
  /** Undefined: there is no such group. */
  usage(path: string): CgroupUsage | undefined;
  processes(path: string): readonly number[];
  /** Names of the groups within; empty when there is no such group. */
  children(path: string): readonly string[];
  /** Removes one empty group. False: something still runs or is in it. An absent group is removed already. */
  remove(path: string): boolean;
}

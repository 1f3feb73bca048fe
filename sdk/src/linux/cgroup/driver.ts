import type { LinuxResources, ResourceUpdate } from '../../contracts/runtime/index.ts';

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
  /** The kernel lets this user have no groups: nothing is limited or counted. */
  readonly isAbsent?: true;
  /** What the container mounts at /sys/fs/cgroup: `v2`, or the names of the v1 controllers. */
  readonly containerMounts: readonly string[];
  /**
   * Makes the group (its parents too) and sets its limits. A limit that is absent stays as it is. `container`: no group comes
   * below it, and its processes die together when memory ends, where the kernel can do that.
   * @throws Error when the kernel lacks something that the resources ask for, or refuses a limit
   */
  create(path: string, resources: LinuxResources, kind?: 'pod' | 'container'): void;
  /** Changes limits of a group that is there. @throws Error when one cannot be: then all are as before */
  update(path: string, update: ResourceUpdate): void;
  /** The files a process writes "0" to in order to join. */
  joinFiles(path: string): readonly string[];
  /** The file with the counter `oom_kill`. */
  oomFile(path: string): string;
  /** Undefined: there is no such group. */
  usage(path: string): CgroupUsage | undefined;
  processes(path: string): readonly number[];
  /** Names of the groups within; empty when there is no such group. */
  children(path: string): readonly string[];
  /** Kills all that is in the group and in those within, where the kernel does that in one step. False: it only forks no more. */
  kill(path: string): boolean;
  /** Removes one empty group. False: something still runs or is in it. An absent group is removed already. */
  remove(path: string): boolean;
}

/** Says once what this kernel lacks and what is therefore left out. */
export type Lacking = (what: string) => void;

export function sayOnce(say: (what: string) => void): Lacking {
  const said = new Set<string>();
  return (what) => {
    if (said.has(what)) return;
    said.add(what);
    say(what);
  };
}

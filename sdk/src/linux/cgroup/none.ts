import type { CgroupDriver } from './driver.ts';

/** Where nobody gave this user control groups: no limit holds, nothing is counted. Containers run all the same. */
export function withoutCgroups(): CgroupDriver {
  return {
    version: 'v2',
    isAbsent: true,
    containerMounts: [],
    create: () => undefined,
    update: () => undefined,
    joinFiles: () => [],
    oomFile: () => '',
    usage: () => undefined,
    processes: () => [],
    children: () => [],
    kill: () => true,
    remove: () => true,
  };
}

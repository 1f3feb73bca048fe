import { join } from 'node:path';
import type { LinuxResources } from '@timonel/sdk/contracts/runtime';
import type { CgroupDriver, CgroupUsage } from './driver.ts';
import {
  groupNames,
  makeGroup,
  readCounters,
  readGroupFile,
  readNumber,
  readPids,
  removeGroup,
  writeGroupFile,
} from './files.ts';

const cpuPeriodMicros = 100_000;

/** `root` is the mount point of the one hierarchy. */
export function cgroupV2(root: string): CgroupDriver {
  return {
    version: 'v2',
    containerMounts: ['v2'],
    create(path, resources) {
      makeGroups(root, path);
      setLimits(join(root, path), resources);
    },
    joinFiles: (path) => [join(root, path, 'cgroup.procs')],
    oomFile: (path) => join(root, path, 'memory.events'),
    usage: (path) => readUsage(join(root, path)),
    processes: (path) => readPids(join(root, path, 'cgroup.procs')),
    children: (path) => groupNames(join(root, path)),
    remove: (path) => removeGroup(join(root, path)),
  };
}

/** A controller must be handed down by every group above; a group that does so cannot hold processes itself. */
function makeGroups(root: string, path: string): void {
  let group = root;
  for (const name of path.split('/')) {
    writeGroupFile(join(group, 'cgroup.subtree_control'), '+memory +cpu +pids');
    group = join(group, name);
    makeGroup(group);
  }
}

/** The mapping of the cgroup v1 range 2…262144 to 1…10000 that the OCI runtimes agreed on. */
export function weightFromShares(shares: number): number {
  const bounded = Math.min(262_144, Math.max(2, shares));
  return Math.floor(1 + ((bounded - 2) * 9999) / 262_142);
}

function setLimits(group: string, resources: LinuxResources): void {
  if (resources.memoryLimitBytes !== undefined) {
    writeGroupFile(join(group, 'memory.max'), String(resources.memoryLimitBytes));
    if (readGroupFile(join(group, 'memory.swap.max')) !== undefined)
      writeGroupFile(join(group, 'memory.swap.max'), '0');
  }
  if (resources.cpuShares !== undefined) {
    writeGroupFile(join(group, 'cpu.weight'), String(weightFromShares(resources.cpuShares)));
  }
  if (resources.cpuLimitMillis !== undefined) {
    const quota = Math.max(1000, Math.round((resources.cpuLimitMillis * cpuPeriodMicros) / 1000));
    writeGroupFile(join(group, 'cpu.max'), `${quota} ${cpuPeriodMicros}`);
  }
  if (resources.pidsLimit !== undefined) writeGroupFile(join(group, 'pids.max'), String(resources.pidsLimit));
}

function readUsage(group: string): CgroupUsage | undefined {
  const usage = readGroupFile(join(group, 'memory.current'));
  if (usage === undefined) return undefined;
  const inactive = readCounters(join(group, 'memory.stat')).get('inactive_file') ?? 0;
  return {
    cpuUsageNanos: (readCounters(join(group, 'cpu.stat')).get('usage_usec') ?? 0) * 1000,
    memoryUsageBytes: Number(usage),
    memoryWorkingSetBytes: Math.max(0, Number(usage) - inactive),
    pids: readNumber(join(group, 'pids.current')),
  };
}

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

/** Mount point of each controller that we use. cpu and cpuacct are often one. */
export interface V1Controllers {
  readonly memory: string;
  readonly cpu: string;
  readonly cpuacct: string;
  readonly pids: string;
}

export function cgroupV1(mounts: V1Controllers): CgroupDriver {
  const roots = [...new Set([mounts.memory, mounts.pids, mounts.cpu, mounts.cpuacct])];
  return {
    version: 'v1',
    containerMounts: roots.map((root) => controllersAt(mounts, root)),
    create(path, resources) {
      for (const root of roots) makeGroup(join(root, path));
      setLimits(mounts, path, resources);
    },
    // `tasks` moves the one thread of the caller without the system-wide lock that cgroup.procs takes
    joinFiles: (path) => roots.map((root) => join(root, path, 'tasks')),
    oomFile: (path) => join(mounts.memory, path, 'memory.oom_control'),
    usage: (path) => readUsage(mounts, path),
    processes: (path) => readPids(join(mounts.pids, path, 'cgroup.procs')),
    children: (path) => [...new Set(roots.flatMap((root) => groupNames(join(root, path))))],
    remove: (path) => roots.map((root) => removeGroup(join(root, path))).every((removed) => removed),
  };
}

function controllersAt(mounts: V1Controllers, root: string): string {
  return Object.entries(mounts)
    .filter(([, mount]) => mount === root)
    .map(([name]) => name)
    .join(',');
}

function setLimits(mounts: V1Controllers, path: string, resources: LinuxResources): void {
  const set = (root: string, file: string, value: number): void => {
    writeGroupFile(join(root, path, file), String(Math.round(value)));
  };
  if (resources.memoryLimitBytes !== undefined) setMemory(mounts.memory, path, resources.memoryLimitBytes);
  if (resources.cpuShares !== undefined) set(mounts.cpu, 'cpu.shares', Math.max(2, resources.cpuShares));
  if (resources.cpuLimitMillis !== undefined) {
    set(mounts.cpu, 'cpu.cfs_period_us', cpuPeriodMicros);
    set(mounts.cpu, 'cpu.cfs_quota_us', Math.max(1000, (resources.cpuLimitMillis * cpuPeriodMicros) / 1000));
  }
  if (resources.pidsLimit !== undefined) set(mounts.pids, 'pids.max', resources.pidsLimit);
}

/** memsw counts memory and swap: with both equal there is no swap. It may not be less than the limit at any moment. */
function setMemory(root: string, path: string, limitBytes: number): void {
  const limit = join(root, path, 'memory.limit_in_bytes');
  const withSwap = join(root, path, 'memory.memsw.limit_in_bytes');
  const current = readGroupFile(withSwap);
  const raise = current !== undefined && limitBytes > Number(current);
  if (raise) writeGroupFile(withSwap, String(limitBytes));
  writeGroupFile(limit, String(limitBytes));
  if (current !== undefined && !raise) writeGroupFile(withSwap, String(limitBytes));
}

function readUsage(mounts: V1Controllers, path: string): CgroupUsage | undefined {
  const usage = readGroupFile(join(mounts.memory, path, 'memory.usage_in_bytes'));
  if (usage === undefined) return undefined;
  const inactive = readCounters(join(mounts.memory, path, 'memory.stat')).get('total_inactive_file') ?? 0;
  return {
    cpuUsageNanos: readNumber(join(mounts.cpuacct, path, 'cpuacct.usage')),
    memoryUsageBytes: Number(usage),
    memoryWorkingSetBytes: Math.max(0, Number(usage) - inactive),
    pids: readNumber(join(mounts.pids, path, 'pids.current')),
  };
}

import { join } from 'node:path';
import { errorCode } from '../../kernel/index.ts';
import type { LinuxResources } from '../../contracts/runtime/index.ts';
import type { CgroupDriver, CgroupUsage, Lacking } from './driver.ts';
import {
  forkNoMore,
  groupNames,
  makeGroup,
  readCounters,
  readGroupFile,
  readNumber,
  readPids,
  removeGroup,
} from './files.ts';
import { hugePageSettings, needsHugePages } from './huge-pages.ts';
import { MemoryInUse } from './memory-max.ts';
import { applySettings, has, writeSettings } from './settings.ts';
import { makeGroups as makeUnifiedGroups } from './v2-groups.ts';
import { v1CpusetSettings, v1Settings, type V1Groups } from './v1-limits.ts';

/** Mount point of each controller that we use. cpu and cpuacct are often one. */
export interface V1Controllers {
  readonly memory: string;
  readonly cpu: string;
  readonly cpuacct: string;
  readonly pids: string;
}

/** Controllers that a group joins only when its resources ask for them. */
export interface V1Further {
  readonly cpuset?: string | undefined;
  /** `version`: beside v1 there may be a v2 tree that has this controller. */
  readonly hugetlb?: { readonly root: string; readonly version: 'v1' | 'v2' } | undefined;
}

export function cgroupV1(mounts: V1Controllers, further: V1Further = {}, lacking: Lacking = () => {}): CgroupDriver {
  const roots = [...new Set([mounts.memory, mounts.pids, mounts.cpu, mounts.cpuacct])];
  const all = [...new Set([...roots, further.cpuset ?? '', further.hugetlb?.root ?? ''])].filter((root) => root !== '');
  const extras = all.slice(roots.length);
  const groupsOf = (path: string): V1Groups => ({
    memory: join(mounts.memory, path),
    cpu: join(mounts.cpu, path),
    pids: join(mounts.pids, path),
  });
  return {
    version: 'v1',
    containerMounts: roots.map((root) => controllersAt(mounts, root)),
    create(path, resources) {
      for (const root of roots) makeGroup(join(root, path));
      writeSettings(v1Settings(groupsOf(path), resources, lacking));
      setCpuset(further.cpuset, path, resources);
      setHugePages(further.hugetlb, path, resources);
    },
    update(path, update) {
      const groups = groupsOf(path);
      try {
        applySettings(v1Settings(groups, update, lacking));
      } catch (error) {
        throw inUse(groups.memory, update.memoryLimitBytes, error) ?? error;
      }
    },
    // `tasks` moves the one thread of the caller without the system-wide lock that cgroup.procs takes
    joinFiles: (path) => [
      ...roots.map((root) => join(root, path, 'tasks')),
      ...extras.filter((root) => has(join(root, path))).map((root) => join(root, path, joinName(root))),
    ],
    oomFile: (path) => join(mounts.memory, path, 'memory.oom_control'),
    usage: (path) => readUsage(mounts, path),
    processes: (path) => readPids(join(mounts.pids, path, 'cgroup.procs')),
    children: (path) => [...new Set(all.flatMap((root) => groupNames(join(root, path))))],
    kill(path) {
      forkNoMore(join(mounts.pids, path));
      return false;
    },
    remove: (path) => all.map((root) => removeGroup(join(root, path))).every((removed) => removed),
  };

  function joinName(root: string): string {
    return further.hugetlb?.version === 'v2' && root === further.hugetlb.root ? 'cgroup.procs' : 'tasks';
  }
}

/** The kernel says EBUSY when it cannot get below a limit. */
function inUse(group: string, limitBytes: number | undefined, error: unknown): Error | undefined {
  const { cause } = error as Error;
  if (limitBytes === undefined || errorCode(cause) !== 'EBUSY') return undefined;
  return new MemoryInUse(limitBytes, readNumber(join(group, 'memory.usage_in_bytes')));
}

function controllersAt(mounts: V1Controllers, root: string): string {
  return Object.entries(mounts)
    .filter(([, mount]) => mount === root)
    .map(([name]) => name)
    .join(',');
}

function setCpuset(root: string | undefined, path: string, resources: LinuxResources): void {
  if (resources.cpusetCpus === undefined && resources.cpusetMems === undefined) return;
  if (root === undefined) throw new Error('this node has no cpuset controller: containers cannot be bound to cpus');
  let group = root;
  const names = path.split('/');
  for (const [index, name] of names.entries()) {
    const parent = group;
    group = join(parent, name);
    makeGroup(group);
    const wanted = index === names.length - 1 ? resources : {};
    applySettings(v1CpusetSettings(group, parent, wanted, (file) => readGroupFile(file) ?? ''));
  }
}

function setHugePages(hugetlb: V1Further['hugetlb'], path: string, { hugePageLimits }: LinuxResources): void {
  if (hugePageLimits === undefined || !needsHugePages(hugePageLimits)) return;
  if (hugetlb === undefined) throw new Error('this node has no hugetlb controller: huge pages cannot be granted');
  const { root, version } = hugetlb;
  if (version === 'v2') makeUnifiedGroups(root, path, ['hugetlb']);
  else makeGroup(join(root, path));
  const limitName = version === 'v2' ? 'max' : 'limit_in_bytes';
  writeSettings(hugePageSettings({ directory: join(root, path), limitName }, hugePageLimits));
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

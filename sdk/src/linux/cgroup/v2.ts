import { join } from 'node:path';
import type { LinuxResources } from '../../contracts/runtime/index.ts';
import type { CgroupDriver, CgroupUsage } from './driver.ts';
import {
  forkNoMore,
  groupNames,
  readCounters,
  readGroupFile,
  readNumber,
  readPids,
  removeGroup,
  writeGroupFile,
} from './files.ts';
import { hugePageSettings, needsHugePages } from './huge-pages.ts';
import { lowerMemoryMax } from './memory-max.ts';
import { applySettings, has, isUnlimited, readLimit, writeSettings, type Setting } from './settings.ts';
import { makeGroups, offeredControllers } from './v2-groups.ts';
import { textOf, v2Settings } from './v2-limits.ts';

const always = ['memory', 'cpu', 'pids'] as const;

/** `root` is the mount point of the one hierarchy. */
export function cgroupV2(root: string): CgroupDriver {
  return {
    version: 'v2',
    containerMounts: ['v2'],
    create(path, resources, kind) {
      const group = join(root, path);
      makeGroups(root, path, [...always, ...furtherControllers(root, resources)]);
      const { hugePageLimits, memoryLimitBytes } = resources;
      const settings = [...memoryMax(group, memoryLimitBytes), ...v2Settings(group, resources)];
      if (hugePageLimits !== undefined && needsHugePages(hugePageLimits)) {
        settings.push(...hugePageSettings({ directory: group, limitName: 'max' }, hugePageLimits));
      }
      if (kind === 'container' && has(join(group, 'memory.oom.group')))
        settings.push({ file: join(group, 'memory.oom.group'), value: '1' });
      writeSettings(settings);
    },
    update(path, update) {
      const group = join(root, path);
      const { memoryLimitBytes: limit, ...others } = update;
      const rest = v2Settings(group, others);
      const lower = limit !== undefined && !isUnlimited(limit) && limit < (readLimit(join(group, 'memory.max')) ?? 0);
      if (!lower) applySettings([...memoryMax(group, limit), ...rest]);
      else lowerMemoryMax(group, limit, () => applySettings(rest));
    },
    joinFiles: (path) => [join(root, path, 'cgroup.procs')],
    oomFile: (path) => join(root, path, 'memory.events'),
    usage: (path) => readUsage(join(root, path)),
    processes: (path) => readPids(join(root, path, 'cgroup.procs')),
    children: (path) => groupNames(join(root, path)),
    kill(path) {
      const file = join(root, path, 'cgroup.kill');
      if (!has(file)) {
        forkNoMore(join(root, path));
        return false;
      }
      writeGroupFile(file, '1');
      return true;
    },
    remove: (path) => removeGroup(join(root, path)),
  };
}

function memoryMax(group: string, limit: number | undefined): Setting[] {
  return limit === undefined ? [] : [{ file: join(group, 'memory.max'), value: textOf(limit) }];
}

/** @throws Error when the kernel does not have one that is asked for */
function furtherControllers(root: string, { cpusetCpus, cpusetMems, hugePageLimits }: LinuxResources): string[] {
  const wanted: string[] = [];
  if (cpusetCpus !== undefined || cpusetMems !== undefined) wanted.push('cpuset');
  if (needsHugePages(hugePageLimits)) wanted.push('hugetlb');
  if (wanted.length === 0) return wanted;
  const offered = offeredControllers(root);
  const missing = wanted.find((name) => !offered.includes(name));
  if (missing !== undefined) throw new Error(`this node has no ${missing} controller, which the container asks for`);
  return wanted;
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

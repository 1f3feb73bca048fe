import { join } from 'node:path';
import type { LinuxResources } from '../../contracts/runtime/index.ts';
import type { Lacking } from './driver.ts';
import { readGroupFile } from './files.ts';
import { has, isUnlimited, readLimit, type Setting } from './settings.ts';
import { boundedShares, cpuPeriodMicros, quotaMicros } from './shares.ts';

const defaultShares = 1024;

/** The groups of one pod or container by controller. */
export interface V1Groups {
  readonly memory: string;
  readonly cpu: string;
  readonly pids: string;
}

/** In an order in which the kernel takes them. */
export function v1Settings(groups: V1Groups, resources: LinuxResources, lacking: Lacking): Setting[] {
  return [...memorySettings(groups.memory, resources, lacking), ...cpuSettings(groups.cpu, resources), ...pids(groups)];

  function pids({ pids: group }: V1Groups): Setting[] {
    const { pidsLimit } = resources;
    if (pidsLimit === undefined) return [];
    return [{ file: join(group, 'pids.max'), value: pidsLimit === -1 ? 'max' : String(pidsLimit) }];
  }
}

function cpuSettings(group: string, { cpuShares, cpuLimitMillis }: LinuxResources): Setting[] {
  const settings: Setting[] = [];
  if (cpuShares !== undefined) {
    const value = String(cpuShares === -1 ? defaultShares : boundedShares(cpuShares));
    settings.push({ file: join(group, 'cpu.shares'), value });
  }
  if (cpuLimitMillis !== undefined) {
    settings.push({ file: join(group, 'cpu.cfs_period_us'), value: String(cpuPeriodMicros) });
    const quota = cpuLimitMillis === -1 ? -1 : quotaMicros(cpuLimitMillis);
    settings.push({ file: join(group, 'cpu.cfs_quota_us'), value: String(quota) });
  }
  return settings;
}

function memorySettings(group: string, resources: LinuxResources, lacking: Lacking): Setting[] {
  const { memoryMinBytes, memoryHighBytes } = resources;
  const settings = limitAndSwap(group, resources, lacking);
  if (memoryMinBytes !== undefined) {
    // -1 is no limit here: as good as no protection
    const value = memoryMinBytes <= 0 ? '-1' : String(memoryMinBytes);
    settings.push({ file: join(group, 'memory.soft_limit_in_bytes'), value });
  }
  if (memoryHighBytes !== undefined && !isUnlimited(memoryHighBytes)) {
    lacking('cgroup v1 has no memory.high: containers are not throttled before they reach their memory limit');
  }
  return settings;
}

/** memsw counts memory and swap. It may not be less than the limit at any moment, which gives the order. */
function limitAndSwap(group: string, resources: LinuxResources, lacking: Lacking): Setting[] {
  const { memoryLimitBytes, swapLimitBytes } = resources;
  if (memoryLimitBytes === undefined && swapLimitBytes === undefined) return [];
  const files = { limit: join(group, 'memory.limit_in_bytes'), both: join(group, 'memory.memsw.limit_in_bytes') };
  const [limitNow = Infinity, bothNow] = [readLimit(files.limit), readLimit(files.both)];
  const limit = memoryLimitBytes === undefined || memoryLimitBytes === -1 ? -1 : memoryLimitBytes;
  const kept = memoryLimitBytes === undefined ? limitNow : limit;
  const setLimit = memoryLimitBytes === undefined ? [] : [{ file: files.limit, value: String(limit) }];
  if (bothNow === undefined) {
    if (swapLimitBytes !== undefined && swapLimitBytes > 0) {
      throw new Error('this kernel does not account for swap: boot it with swapaccount=1, or ask for no swap');
    }
    return setLimit;
  }
  if (isUnlimited(kept)) {
    const setBoth = bothNow === Infinity ? [] : [{ file: files.both, value: '-1' }];
    return [...setBoth, ...setLimit, ...withoutLimit(group, swapLimitBytes, lacking)];
  }
  const swap = swapLimitBytes ?? (bothNow === Infinity || limitNow === Infinity ? 0 : bothNow - limitNow);
  const both = isUnlimited(swap) ? Infinity : kept + swap;
  const setBoth = [{ file: files.both, value: both === Infinity ? '-1' : String(both) }];
  return both > bothNow ? [...setBoth, ...setLimit] : [...setLimit, ...setBoth];
}

/** memsw is of no use without a limit of memory: no swap at all is had by another way, some of it by none. */
function withoutLimit(group: string, swapLimitBytes: number | undefined, lacking: Lacking): Setting[] {
  if (swapLimitBytes === undefined || swapLimitBytes < 0 || !nodeHasSwap()) return [];
  if (swapLimitBytes === 0) return [{ file: join(group, 'memory.swappiness'), value: '0' }];
  lacking('cgroup v1 limits swap only together with memory: without a memory limit swap is not limited');
  return [];
}

function nodeHasSwap(): boolean {
  return (readGroupFile('/proc/swaps') ?? '').split('\n').length > 1;
}

/** Lists of cpus and memory nodes; a group of this controller has none at first and takes no process then. */
export function v1CpusetSettings(
  group: string,
  parent: string,
  resources: LinuxResources,
  read: (file: string) => string,
): Setting[] {
  const lists = [
    ['cpuset.cpus', resources.cpusetCpus],
    ['cpuset.mems', resources.cpusetMems],
  ] as const;
  return lists.flatMap(([name, wanted]): Setting[] => {
    const file = join(group, name);
    if (wanted !== undefined && wanted !== '') return [{ file, value: wanted }];
    return has(file) && read(file) === '' ? [{ file, value: read(join(parent, name)) }] : [];
  });
}

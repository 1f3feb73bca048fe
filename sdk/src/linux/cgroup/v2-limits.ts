import { join } from 'node:path';
import type { LinuxResources } from '../../contracts/runtime/index.ts';
import { has, isUnlimited, type Setting } from './settings.ts';
import { cpuPeriodMicros, quotaMicros, weightFromShares } from './shares.ts';

const defaultWeight = 100;

/** What the files of a group are to hold, but `memory.max`, which needs care: see `memory-max.ts`. */
export function v2Settings(group: string, resources: LinuxResources): Setting[] {
  const { cpuShares, cpuLimitMillis, pidsLimit, memoryMinBytes, memoryHighBytes, cpusetCpus, cpusetMems } = resources;
  const settings: Setting[] = [];
  const set = (name: string, value: string): void => void settings.push({ file: join(group, name), value });
  if (memoryMinBytes !== undefined) set('memory.min', String(Math.max(0, memoryMinBytes)));
  if (memoryHighBytes !== undefined) set('memory.high', textOf(memoryHighBytes));
  settings.push(...swapSettings(group, resources));
  if (cpuShares !== undefined)
    set('cpu.weight', String(cpuShares === -1 ? defaultWeight : weightFromShares(cpuShares)));
  if (cpuLimitMillis !== undefined) {
    set('cpu.max', `${cpuLimitMillis === -1 ? 'max' : quotaMicros(cpuLimitMillis)} ${cpuPeriodMicros}`);
  }
  if (pidsLimit !== undefined) set('pids.max', textOf(pidsLimit));
  if (cpusetCpus !== undefined) set('cpuset.cpus', cpusetCpus);
  if (cpusetMems !== undefined) set('cpuset.mems', cpusetMems);
  return settings;
}

export function textOf(limit: number): string {
  return isUnlimited(limit) ? 'max' : String(limit);
}

/** A new group with a limit of memory alone gets no swap. */
function swapSettings(group: string, { memoryLimitBytes, swapLimitBytes }: LinuxResources): Setting[] {
  const file = join(group, 'memory.swap.max');
  if (!has(file)) {
    if (swapLimitBytes !== undefined && swapLimitBytes > 0) {
      throw new Error('this kernel does not account for swap: boot it with swapaccount=1, or ask for no swap');
    }
    return [];
  }
  if (swapLimitBytes !== undefined) return [{ file, value: textOf(swapLimitBytes) }];
  return memoryLimitBytes === undefined ? [] : [{ file, value: '0' }];
}

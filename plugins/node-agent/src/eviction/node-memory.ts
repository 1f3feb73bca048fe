/** The memory of this node: that of the machine, or of the control group that all of the node runs in. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface NodeMemory {
  readonly capacityBytes: number;
  /** In use less the file pages that were not used lately, as the kubelet has it. */
  readonly workingSetBytes: number;
}

const kib = 1024;

async function textOf(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}

/** Undefined: that cannot be read. Pure. */
export function machineMemory(meminfo: string): NodeMemory | undefined {
  const bytesOf = (name: string): number | undefined => {
    const line = meminfo.split('\n').find((each) => each.startsWith(`${name}:`));
    const amount = /(\d+) kB$/.exec(line ?? '')?.[1];
    return amount === undefined ? undefined : Number(amount) * kib;
  };
  const [total, free, inactive] = ['MemTotal', 'MemFree', 'Inactive(file)'].map(bytesOf);
  if (total === undefined || free === undefined || inactive === undefined) return undefined;
  return { capacityBytes: total, workingSetBytes: Math.max(0, total - free - inactive) };
}

interface GroupFiles {
  readonly directory: string;
  readonly limit: string;
  readonly usage: string;
  readonly inactive: RegExp;
}

/** Of the topmost group that can be seen: pods run beneath it. On a machine of its own it has no limit. */
const topGroups: readonly GroupFiles[] = [
  { directory: '', limit: 'memory.max', usage: 'memory.current', inactive: /^inactive_file (\d+)$/m },
  {
    directory: 'memory',
    limit: 'memory.limit_in_bytes',
    usage: 'memory.usage_in_bytes',
    inactive: /^total_inactive_file (\d+)$/m,
  },
];

async function groupMemory(root: string, machineBytes: number): Promise<NodeMemory | undefined> {
  for (const { directory, limit, usage, inactive } of topGroups) {
    const at = join(root, directory);
    const limitBytes = Number((await textOf(join(at, limit))) || Number.NaN);
    // `max`, or on v1 a number that no machine has.
    if (!(limitBytes > 0 && limitBytes < machineBytes)) continue;
    const used = Number((await textOf(join(at, usage))) || Number.NaN);
    const unused = Number(inactive.exec(await textOf(join(at, 'memory.stat')))?.[1] ?? 0);
    if (Number.isNaN(used)) continue;
    return { capacityBytes: limitBytes, workingSetBytes: Math.max(0, used - unused) };
  }
  return undefined;
}

/** Undefined: it cannot be read here. */
export async function nodeMemory(procRoot = '/proc', cgroupRoot = '/sys/fs/cgroup'): Promise<NodeMemory | undefined> {
  const machine = machineMemory(await textOf(join(procRoot, 'meminfo')));
  if (machine === undefined) return undefined;
  return (await groupMemory(cgroupRoot, machine.capacityBytes)) ?? machine;
}

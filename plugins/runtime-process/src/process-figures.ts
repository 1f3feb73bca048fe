/** Figures of one process out of /proc (proc(5)). */
import { readFile } from 'node:fs/promises';
import type { ContainerStats } from '@timonel/sdk/contracts/runtime';

/** USER_HZ is 100 on every Linux architecture that Node runs on. */
const nanosPerTick = 10_000_000;
const kib = 1024;

/** Fields of /proc/PID/stat from the third on; undefined: there is no such process. */
async function statFields(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The command in parentheses may hold anything, blanks and parentheses included.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** When the process began, in ticks since boot: with the pid it names one process for good. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  return (await statFields(pid))?.[19];
}

export async function figuresOf(id: string, pid: number): Promise<ContainerStats | undefined> {
  const fields = await statFields(pid);
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  if (fields === undefined) return undefined;
  const memory = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * kib;
  return {
    id,
    cpuUsageNanos: (Number(fields[11]) + Number(fields[12])) * nanosPerTick,
    memoryWorkingSetBytes: memory,
    memoryUsageBytes: memory,
    pids: 1,
  };
}

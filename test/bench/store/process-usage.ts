/** What processes use, by /proc. */
import { readFileSync } from 'node:fs';

/** User and system time, in µs. The kernel's clock ticks are 10 ms everywhere on Linux. */
export function cpuMicros(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10_000;
}

/** Resident memory of all of them together, file pages included. */
export function residentMB(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids) {
    kib += Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  }
  return (kib * 1024) / 1e6;
}

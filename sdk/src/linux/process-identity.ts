import { readFileSync } from 'node:fs';

/** A pid alone may be used again; with its start time (in clock ticks since boot) it names one process. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/** proc(5): field 22 of /proc/PID/stat, and the state in field 3. The name in field 2 may hold blanks and brackets. */
export function isAlive(process: ProcessIdentity): boolean {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${process.pid}/stat`, 'utf8');
  } catch {
    return false;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[19] === process.startTime && fields[0] !== 'Z' && fields[0] !== 'X';
}

/** Sends SIGKILL when it is still that process. */
export function killProcess(target: ProcessIdentity): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, 'SIGKILL');
  } catch {
    // it ended between the look and the signal
  }
}

/** Changes with every start of the machine: pids recorded under another one mean nothing. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

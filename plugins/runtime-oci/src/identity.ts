import { readFileSync } from 'node:fs';
import { isAlive, type ProcessIdentity } from '@timonel/sdk/linux';

export { bootId, isAlive, killProcess, type ProcessIdentity } from '@timonel/sdk/linux';

/** Undefined: there is no such process. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    return { pid, startTime };
  } catch {
    return undefined;
  }
}

/** Sends a signal when it is still that process. */
export function signalProcess(target: ProcessIdentity, signal: number): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch {
    // it ended between the look and the signal
  }
}

import { readFileSync } from 'node:fs';
import type { ProcessIdentity } from '@timonel/sdk/linux';

/** @throws Error when there is no such process */
export function identityOf(pid: number): ProcessIdentity {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return { pid, startTime: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '' };
}

import { readFile } from 'node:fs/promises';

/** What haproxy opens beside the two ends of each connection. */
const others = 500;

/** How many connections fit into the most files that a process may open here. */
export async function connectionsThatFit(): Promise<number> {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const hard = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(text)?.[1] ?? Number.NaN);
  return Number.isNaN(hard) ? Infinity : Math.max(10, Math.floor((hard - others) / 2));
}

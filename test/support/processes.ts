import { readFileSync, readdirSync } from 'node:fs';

/** Pids whose environment holds `NAME=value`, oldest first. The way to find the processes of one pod from outside. */
export function pidsWithEnvironment(entry: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(entry);
      } catch {
        return false;
      }
    })
    .sort((a, b) => a - b);
}

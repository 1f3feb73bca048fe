import files from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { AtStep } from './index.ts';

/** Calls of node:fs that change something at once; `open` does when its flags say so. */
const changing =
  'appendFile chmod chown copyFile link mkdir open rename rm rmdir symlink truncate unlink utimes writeFile'.split(' ');

const isRead = (name: string, flags: unknown): boolean =>
  name === 'open' && (flags === undefined || flags === 'r' || (typeof flags === 'number' && (flags & 3) === 0));

/** From now on, and in the whole process, synchronous calls that change files are steps, where `nameOf` names them. */
export function countSyncFiles(
  at: AtStep,
  nameOf: (name: string, args: readonly unknown[]) => string | undefined,
): void {
  /** Some of them call others. */
  let isWithin = false;
  const writable = files as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of changing) {
    const real = writable[`${name}Sync`];
    if (real === undefined) continue;
    writable[`${name}Sync`] = (...args) => {
      const step = isWithin || isRead(name, args[1]) ? undefined : nameOf(name, args);
      if (step === undefined) return real(...args);
      at(step, 'before');
      isWithin = true;
      try {
        return real(...args);
      } finally {
        isWithin = false;
        at(step, 'after');
      }
    };
  }
  syncBuiltinESMExports();
}

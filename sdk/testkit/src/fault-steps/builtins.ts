import child from 'node:child_process';
import files from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { stepped, type AtStep } from './index.ts';

export interface BuiltinCall {
  /** Of node:fs/promises, or `spawn`. */
  readonly name: string;
  readonly args: readonly unknown[];
  /** Who called, across awaits. */
  readonly stack: string;
}

/** Calls of node:fs/promises that change something; `open` does when its flags say so. */
const changing =
  'appendFile chmod chown copyFile cp lchown link lutimes mkdir mkdtemp open rename rm rmdir symlink truncate unlink utimes writeFile'.split(
    ' ',
  );

const isRead = (name: string, args: readonly unknown[]): boolean =>
  name === 'open' && (args[1] === undefined || args[1] === 'r' || typeof args[1] === 'number');

/** From now on, and in the whole process, calls that change files and start programs are steps, where `nameOf` names them. */
export function countBuiltins(at: AtStep, nameOf: (call: BuiltinCall) => string | undefined): void {
  Error.stackTraceLimit = 60;
  const named = (name: string, args: readonly unknown[]): string | undefined =>
    isRead(name, args) ? undefined : nameOf({ name, args, stack: new Error(name).stack ?? '' });
  const writable = files as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  for (const name of changing) {
    const real = writable[name];
    if (real === undefined) continue;
    writable[name] = (...args) => {
      const step = named(name, args);
      return step === undefined ? real(...args) : stepped(at, step, () => real(...args));
    };
  }
  countPrograms(at, named);
  syncBuiltinESMExports();
}

function countPrograms(at: AtStep, named: (name: string, args: readonly unknown[]) => string | undefined): void {
  const real = child.spawn as (...args: unknown[]) => child.ChildProcess;
  const counted = (...args: unknown[]): child.ChildProcess => {
    const step = named('spawn', args);
    if (step === undefined) return real(...args);
    at(step, 'before');
    const program = real(...args);
    at(step, 'during');
    program.prependOnceListener('close', () => at(step, 'after'));
    return program;
  };
  (child as { spawn: unknown }).spawn = counted;
}

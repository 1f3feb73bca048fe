import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode, errorMessage } from '../../kernel/index.ts';

/** Undefined: the file or its group is gone. */
export function readGroupFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENODEV') return undefined;
    throw error;
  }
}

export function readNumber(path: string): number {
  const value = Number(readGroupFile(path) ?? 0);
  return Number.isFinite(value) ? value : 0;
}

/** `name value` lines, as in memory.stat. */
export function readCounters(path: string): ReadonlyMap<string, number> {
  const lines = (readGroupFile(path) ?? '').split('\n');
  return new Map(lines.map((line) => line.split(' ')).map(([name, value]) => [name ?? '', Number(value)]));
}

export function readPids(path: string): number[] {
  return (readGroupFile(path) ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

export function writeGroupFile(path: string, value: string): void {
  try {
    writeFileSync(path, value);
  } catch (error) {
    throw new Error(`write ${value} to ${path}: ${errorMessage(error)}`, { cause: error });
  }
}

/** Makes a group and those above it. One that is there is no error. */
export function makeGroup(path: string): void {
  try {
    mkdirSync(path); // `recursive` would turn ENOMEM into ENOENT
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST') return;
    if (code === 'ENOMEM') {
      throw new Error('the memory limit of the pod is too small for a container', { cause: error });
    }
    if (code !== 'ENOENT') throw error;
    makeGroup(dirname(path));
    mkdirSync(path);
  }
}

export function groupNames(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** False: EBUSY. */
export function removeGroup(path: string): boolean {
  if (!existsSync(path)) return true; // a throw costs much more
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') return true;
    if (code === 'EBUSY' || code === 'ENOTEMPTY') return false;
    throw error;
  }
}

/** `group`: of the pids controller. A program that forks faster than one reads its processes would not be caught else. */
export function forkNoMore(group: string): void {
  try {
    writeFileSync(join(group, 'pids.max'), '0');
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ENOENT' && code !== 'ENODEV') throw error;
  }
}

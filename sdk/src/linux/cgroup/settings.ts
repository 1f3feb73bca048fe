import { existsSync } from 'node:fs';
import { readGroupFile, writeGroupFile } from './files.ts';

/** One file of a group and what it is to hold. */
export interface Setting {
  readonly file: string;
  readonly value: string;
}

/** For a group that was just made: whoever made it removes it when this fails. @throws Error with the file and the value */
export function writeSettings(settings: readonly Setting[]): void {
  for (const { file, value } of settings) writeGroupFile(file, value);
}

/** Each in turn. When one fails, those before it get back what they held. @throws Error with the file and the value */
export function applySettings(settings: readonly Setting[]): void {
  const before: Setting[] = [];
  try {
    for (const { file, value } of settings) {
      const held = readGroupFile(file);
      if (held === value) continue;
      writeGroupFile(file, value);
      if (held !== undefined) before.unshift({ file, value: held });
    }
  } catch (error) {
    for (const { file, value } of before) restore(file, value);
    throw error;
  }
}

function restore(file: string, value: string): void {
  try {
    writeGroupFile(file, value);
  } catch {
    // The group is going away, or the kernel takes back less than it gave: the first error is the one to tell.
  }
}

/** A limit in bytes as its file shows it; Infinity: none. Undefined: this kernel has no such file. */
export function readLimit(file: string): number | undefined {
  const text = readGroupFile(file);
  if (text === undefined) return undefined;
  const value = Number(text);
  // v1 shows the largest multiple of a page in 63 bits
  return text === 'max' || value >= 2 ** 62 ? Infinity : value;
}

export const isUnlimited = (value: number): boolean => value === -1 || value === Infinity;

export function has(file: string): boolean {
  return existsSync(file);
}

import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Undefined: absent or not complete (a crash while it was made). */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Replaces the file as a whole. */
export function writeJson(path: string, value: unknown): void {
  writeText(path, JSON.stringify(value));
}

export function writeText(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

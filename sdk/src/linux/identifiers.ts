import { createHash } from 'node:crypto';
import { RuntimeError } from '../contracts/runtime/index.ts';

/** Two runtimes on one node (tests, several clusters) must not meet in the control groups. */
export function instanceOf(dataDir: string): string {
  return createHash('sha256').update(dataDir).digest('hex').slice(0, 10);
}

/** Ids of sandboxes and containers become names of directories and control groups. */
export function isId(id: string): boolean {
  return /^[a-z0-9]([-a-z0-9_.]{0,198}[a-z0-9])?$/.test(id);
}

/** @throws RuntimeError */
export function checkId(id: string, reason: string): void {
  if (isId(id)) return;
  throw new RuntimeError(reason, `"${id}" is not a usable id: lower case letters, digits and "-", at most 200`);
}

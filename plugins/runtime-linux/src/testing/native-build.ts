import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const directory = join(import.meta.dirname, '..', '..', 'native');

/** Runs make for what only tests need. @throws Error with what the compiler said */
export function makeNative(targets: readonly string[], variables: Readonly<Record<string, string>>): void {
  const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  try {
    execFileSync('make', ['-s', '-C', directory, ...targets, ...settings], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error(`make ${targets.join(' ')} (Debian: apt install make gcc libc6-dev): ${String(error)}`, {
      cause: error,
    });
  }
}

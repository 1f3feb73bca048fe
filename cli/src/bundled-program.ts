import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const directory = join(import.meta.dirname, 'bundle');

/** The command as `scripts/bundle.mjs` has bundled it. Undefined: it has not, or something was built since. */
export function bundledProgram(): string | undefined {
  try {
    const stamps = JSON.parse(readFileSync(join(directory, 'built.json'), 'utf8')) as Record<string, number>;
    const isFresh = Object.entries(stamps).every(([file, ms]) => statSync(join(directory, file)).mtimeMs === ms);
    return isFresh ? pathToFileURL(join(directory, 'program.js')).href : undefined;
  } catch {
    return undefined;
  }
}

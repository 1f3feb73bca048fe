/** The packages of npm that the test runner needs. */
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from './paths.ts';

const runners = ['jest', '@jest/globals'];

interface Manifest {
  readonly dependencies?: object;
  readonly optionalDependencies?: object;
  readonly peerDependencies?: object;
}

/** Directories relative to the root. */
export function runnerPackages(): string[] {
  const found = new Set<string>();
  const visit = (directory: string): void => {
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest;
    const { dependencies, optionalDependencies, peerDependencies } = manifest;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      add(find(name, directory));
    }
  };
  const add = (directory: string | undefined): void => {
    if (directory === undefined || found.has(directory)) return;
    found.add(directory);
    visit(directory);
  };
  for (const name of runners) add(join(root, 'node_modules', name));
  return [...found].map((directory) => relative(root, directory));
}

/** As Node looks for it. Undefined: it is optional and not for this machine. */
function find(name: string, from: string): string | undefined {
  for (let directory = from; directory.startsWith(root); directory = join(directory, '..')) {
    const candidate = join(directory, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
  }
  return undefined;
}

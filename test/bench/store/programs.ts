/**
 * The programs of the store benchmark. What runs beside etcd, or loads it, is plain JavaScript before it starts: a
 * compiler in the process would count as start-up time and memory of the store.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { transformFile } from '@swc/core';
import { withCleanup } from '../cleanup.ts';
import type { LoadResult } from './store-group.ts';

const run = promisify(execFile);
const compiled = ['protocol.ts', 'open-store.ts', 'server.ts', 'client.ts'] as const;
const compilerOptions = {
  swcrc: false,
  isModule: true,
  jsc: { target: 'es2023', parser: { syntax: 'typescript' }, rewriteRelativeImportExtensions: true },
  module: { type: 'es6' },
} as const;

export interface Programs {
  readonly server: string;
  readonly client: string;
}

export function withPrograms<T>(work: (programs: Programs) => Promise<T>): Promise<T> {
  return withCompiled(import.meta.dirname, compiled, (path) =>
    work({ server: path('server.ts'), client: path('client.ts') }),
  );
}

/** Sources of a folder as plain JavaScript, in a folder of this tree, since they import packages of it. */
export async function withCompiled<T>(
  from: string,
  files: readonly string[],
  work: (path: (file: string) => string) => Promise<T>,
): Promise<T> {
  const cache = join(import.meta.dirname, '..', '.cache');
  await mkdir(cache, { recursive: true });
  const dir = await mkdtemp(join(cache, 'programs-'));
  return withCleanup(
    () => rm(dir, { recursive: true, force: true }),
    async () => {
      const path = (file: string): string => join(dir, file.replace(/\.ts$/, '.js'));
      for (const file of files) {
        const { code } = await transformFile(join(from, file), compilerOptions);
        await writeFile(path(file), code);
      }
      return work(path);
    },
  );
}

async function runNode(args: readonly string[]): Promise<LoadResult> {
  try {
    const { stdout } = await run(process.execPath, args);
    return JSON.parse(stdout) as LoadResult;
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    const [reason = String(error)] = /^\w*Error: .*$/m.exec(stderr) ?? [];
    throw new Error(`its client ended: ${reason}`, { cause: error });
  }
}

/** Runs a client process to its end. */
export function runClient(program: string, options: object): Promise<LoadResult> {
  return runNode([program, JSON.stringify(options)]);
}

/** The same for a program that needs sources of the tree. */
export function runSource(file: string, options: object): Promise<LoadResult> {
  return runNode(['--import', 'tsx', join(import.meta.dirname, file), JSON.stringify(options)]);
}

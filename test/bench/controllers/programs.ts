/** Servers of the benchmark: plain JavaScript before they start, since a compiler in them would count. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { transformFile } from '@swc/core';
import type { ServedAt } from '../api/server.ts';
import { withCleanup } from '../cleanup.ts';
import { nodeFlags, servedAt, stopped } from '../server-process.ts';
import { cpuMicros, residentMB } from '../store/process-usage.ts';
import { withCompiled } from '../store/programs.ts';
import type { Memory, ServerOptions } from './server.ts';

const benches = join(import.meta.dirname, '..');
const compilerOptions = {
  swcrc: false,
  isModule: true,
  jsc: { target: 'es2023', parser: { syntax: 'typescript' }, rewriteRelativeImportExtensions: true },
  module: { type: 'es6' },
} as const;

export interface MeasuredServer {
  readonly at: ServedAt;
  cpuMicros(): number;
  residentMB(): number;
  /** After a collection of garbage. */
  heapMB(): Promise<number>;
}

export type Serve = <T>(options: ServerOptions, work: (server: MeasuredServer) => Promise<T>) => Promise<T>;

export function withPrograms<T>(work: (serve: Serve) => Promise<T>): Promise<T> {
  return withCompiled(benches, [], async (path) => {
    const file = path('controllers/server.ts');
    const { code } = await transformFile(join(benches, 'controllers/server.ts'), compilerOptions);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, code);
    return work((options, use) => {
      const child = spawn(process.execPath, [...nodeFlags, '--expose-gc', file, JSON.stringify(options)], {
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      return withCleanup(
        () => stopped(child),
        async () => {
          const at = await servedAt(child);
          const pids = [child.pid ?? 0];
          const lines = createInterface({ input: child.stdout });
          return use({
            at,
            cpuMicros: () => cpuMicros(pids),
            residentMB: () => residentMB(pids),
            async heapMB() {
              const answer = once(lines, 'line');
              child.stdin.write('\n');
              return (JSON.parse(String((await answer)[0])) as Memory).heapMB;
            },
          });
        },
      );
    });
  });
}

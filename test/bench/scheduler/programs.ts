/** The processes of the scheduler benchmark: plain JavaScript before they start, since a compiler in them would count. */
import { execFile, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { transformFile } from '@swc/core';
import type { ServerOptions } from '../api/server.ts';
import { withCleanup } from '../cleanup.ts';
import { nodeFlags, reasonIn, servedAt, stopped } from '../server-process.ts';
import { residentMB } from '../store/process-usage.ts';
import { withCompiled } from '../store/programs.ts';
import type { ClientOptions, ClientResult } from './client.ts';
import type { PureOptions, PureResult } from './pure.ts';

const run = promisify(execFile);
const benches = join(import.meta.dirname, '..');
const sources = [
  'api/http-connection.ts',
  'api/server.ts',
  'store/process-usage.ts',
  'scheduler/client.ts',
  'scheduler/cluster.ts',
  'scheduler/connections.ts',
  'scheduler/executor.ts',
  'scheduler/http-cluster.ts',
  'scheduler/memory-cluster.ts',
  'scheduler/memory-snapshot.ts',
  'scheduler/meter.ts',
  'scheduler/objects.ts',
  'scheduler/placements.ts',
  'scheduler/pure.ts',
  'scheduler/scheduler-alone.ts',
  'scheduler/utilisation.ts',
  'scheduler/waiting.ts',
  'scheduler/workload/fields.ts',
  'scheduler/workload/find-workload.ts',
  'scheduler/workload/operations.ts',
  'scheduler/workload/read-workloads.ts',
  'scheduler/workload/template.ts',
];
const compilerOptions = {
  swcrc: false,
  isModule: true,
  jsc: { target: 'es2023', parser: { syntax: 'typescript' }, rewriteRelativeImportExtensions: true },
  module: { type: 'es6' },
} as const;
/** A workload that takes longer is stuck. */
const runLimitMs = 240_000;

export interface Programs {
  pure(options: PureOptions): Promise<PureResult>;
  /** Starts a server over an empty folder, runs a workload against it and stops it. */
  full(options: Required<ServerOptions> & Omit<ClientOptions, 'server' | 'serverPid'>): Promise<FullResult>;
}

export interface FullResult extends ClientResult {
  /** Of the server, after the workload. */
  readonly residentMB: number;
}

async function runProgram<T>(args: readonly string[], options: object): Promise<T> {
  const settings = { timeout: runLimitMs, maxBuffer: 64 * 1024 * 1024 };
  try {
    const { stdout } = await run(process.execPath, [...args, JSON.stringify(options)], settings);
    return JSON.parse(stdout) as T;
  } catch (error) {
    const { stderr = '', killed = false } = error as { stderr?: string; killed?: boolean };
    if (killed) throw new Error(`did not end within ${runLimitMs / 1000} s`, { cause: error });
    throw new Error(reasonIn(stderr) ?? String(error), { cause: error });
  }
}

export function withPrograms<T>(work: (programs: Programs) => Promise<T>): Promise<T> {
  return withCompiled(benches, [], async (path) => {
    for (const file of sources) {
      const { code } = await transformFile(join(benches, file), compilerOptions);
      await mkdir(dirname(path(file)), { recursive: true });
      await writeFile(path(file), code);
    }
    return work({
      pure: (options) => runProgram([...nodeFlags, path('scheduler/pure.ts')], options),
      full: ({ dataDir, scheduler, ...workload }) => {
        const settings = JSON.stringify({ dataDir, scheduler } satisfies ServerOptions);
        const child = spawn(process.execPath, [...nodeFlags, path('api/server.ts'), settings], {
          stdio: ['pipe', 'pipe', 'pipe'],
        });
        return withCleanup(
          () => stopped(child),
          async () => {
            const server = await servedAt(child);
            const result = await runProgram<ClientResult>([path('scheduler/client.ts')], {
              ...workload,
              server,
              serverPid: child.pid ?? 0,
            } satisfies ClientOptions);
            return { ...result, residentMB: residentMB([child.pid ?? 0]) };
          },
        );
      },
    });
  });
}

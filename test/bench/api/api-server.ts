/** The server process of the API benchmark and the client processes that load it. */
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withCleanup } from '../cleanup.ts';
import { nodeFlags, servedAt, stopped } from '../server-process.ts';
import { cpuMicros, residentMB } from '../store/process-usage.ts';
import { withCompiled } from '../store/programs.ts';
import type { LoadOptions, LoadResult } from './client.ts';
import type { ServedAt } from './server.ts';
import type { WatchOptions } from './watchers.ts';

const run = promisify(execFile);
const sources = ['objects.ts', 'http-connection.ts', 'server.ts', 'client.ts', 'watchers.ts', 'plain.ts'];

export interface Programs {
  readonly server: string;
  readonly client: string;
  readonly watchers: string;
  readonly plain: string;
}

export function withPrograms<T>(work: (programs: Programs) => Promise<T>): Promise<T> {
  return withCompiled(import.meta.dirname, sources, (path) =>
    work({
      server: path('server.ts'),
      client: path('client.ts'),
      watchers: path('watchers.ts'),
      plain: path('plain.ts'),
    }),
  );
}

/** A client that takes longer waits for something that does not come. */
const programLimitMs = 300_000;

async function runProgram<T>(program: string, options: object): Promise<T> {
  try {
    const { stdout } = await run(process.execPath, [program, JSON.stringify(options)], { timeout: programLimitMs });
    return JSON.parse(stdout) as T;
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    const [reason = String(error)] = /^\w*Error: .*$/m.exec(stderr) ?? [];
    throw new Error(`its client ended: ${reason}`, { cause: error });
  }
}

/** A result with the CPU time of the server for each of `count`. */
export interface Measured extends LoadResult {
  readonly serverMicrosEach: number;
}

export class ApiServer {
  readonly #programs: Programs;
  readonly #pid: number;
  readonly served: ServedAt;
  /** From exec to the line that says where it serves. */
  readonly readyMs: number;

  constructor(parts: { programs: Programs; pid: number; served: ServedAt; readyMs: number }) {
    this.#programs = parts.programs;
    this.#pid = parts.pid;
    this.served = parts.served;
    this.readyMs = parts.readyMs;
  }

  get residentMB(): number {
    return residentMB([this.#pid]);
  }

  load(options: Omit<LoadOptions, 'server'>): Promise<Measured> {
    const { client } = this.#programs;
    return this.#measure(options.requests, () => runProgram(client, { ...options, server: this.served }));
  }

  watch(options: Omit<WatchOptions, 'server'>): Promise<Measured> {
    const { watchers } = this.#programs;
    const events = options.watchers * options.updates;
    return this.#measure(events, () => runProgram(watchers, { ...options, server: this.served }));
  }

  async #measure(count: number, work: () => Promise<LoadResult>): Promise<Measured> {
    const before = cpuMicros([this.#pid]);
    const result = await work();
    return { ...result, serverMicrosEach: (cpuMicros([this.#pid]) - before) / count };
  }
}

/** Runs `work` on a new server process over the data in `dataDir`. */
export function withServer<T>(
  programs: Programs,
  dataDir: string,
  work: (server: ApiServer) => Promise<T>,
): Promise<T> {
  return withProcess(programs, [...nodeFlags, programs.server, JSON.stringify({ dataDir })], work);
}

/** The same with the yardstick, which takes its certificate from the data of a server. */
export function withPlainServer<T>(
  programs: Programs,
  dataDir: string,
  work: (server: ApiServer) => Promise<T>,
): Promise<T> {
  const pki = join(dataDir, 'apiserver', 'pki');
  return withProcess(programs, [programs.plain, JSON.stringify({ pki })], work);
}

async function withProcess<T>(
  programs: Programs,
  args: readonly string[],
  work: (server: ApiServer) => Promise<T>,
): Promise<T> {
  const began = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  return withCleanup(
    () => stopped(child),
    async () => {
      const served = await servedAt(child);
      const readyMs = performance.now() - began;
      return work(new ApiServer({ programs, pid: child.pid ?? 0, served, readyMs }));
    },
  );
}

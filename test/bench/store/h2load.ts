/** Loads etcd with nghttp2's `h2load`, a C program: a client in Node would be slower than etcd. */
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodeFrame } from '../../../plugins/store-etcd/src/wire/frames.ts';
import type { LoadResult } from './store-group.ts';

const run = promisify(execFile);

export interface H2LoadOptions {
  readonly endpoint: string;
  readonly method: string;
  readonly message: Uint8Array;
  readonly connections: number;
  readonly clients: number;
  readonly requests: number;
  /** Where files may lie for the time of the run. */
  readonly dir: string;
}

export async function h2load(options: H2LoadOptions): Promise<LoadResult> {
  const body = join(options.dir, 'h2load.body');
  const log = join(options.dir, 'h2load.log');
  writeFileSync(body, encodeFrame(options.message));
  rmSync(log, { force: true });
  const { stdout } = await run('h2load', [
    `-n${options.requests}`,
    `-c${options.connections}`,
    `-m${options.clients / options.connections}`,
    '-t1',
    `-d${body}`,
    `--log-file=${log}`,
    '-Hcontent-type: application/grpc',
    '-Hte: trailers',
    `${options.endpoint}${options.method}`,
  ]);
  const succeeded = /(\d+) succeeded, (\d+) failed/.exec(stdout);
  const finished = /finished in ([\d.]+)(ms|s|us)/.exec(stdout);
  if (succeeded?.[1] !== String(options.requests) || finished === null) {
    const requests = /^requests: .*$/m.exec(stdout)?.[0];
    throw new Error(`h2load did not get its answers: ${requests ?? stdout}`);
  }
  const unit = { s: 1, ms: 1e-3, us: 1e-6 }[finished[2] ?? 's'] ?? 1;
  const latencies = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.split('\t')[2]) / 1000)
    .sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.ceil(share * latencies.length) - 1] ?? Number.NaN;
  return { seconds: Number(finished[1]) * unit, p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** Builds and runs slow-wire.c. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from '@timonel/sdk/command';
import { until } from '../../support/until.ts';

export interface Delay {
  /** Of each frame, in each direction. */
  readonly delayMs: number;
  /** Up to this much more, by chance. Default 0. */
  readonly jitterMs?: number;
}

export interface SlowWire {
  stop(): Promise<void>;
}

const source = join(import.meta.dirname, 'slow-wire.c');

async function program(): Promise<string> {
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const directory = process.env['TIMONEL_CACHE'] ?? join(import.meta.dirname, '..', '..', '..', '.cache', 'tools');
  const path = join(directory, `slow-wire-${digest}`);
  if (existsSync(path)) return path;
  mkdirSync(directory, { recursive: true });
  const made = `${path}.${process.pid}`;
  await mustRun('gcc', ['-O2', '-Wall', '-Wextra', '-o', made, source]);
  renameSync(made, path);
  return path;
}

/** Starts it in the network namespace of a process. The links are made by it and go with it. */
export async function startSlowWire(pid: number, inner: string, outer: string, delay: Delay): Promise<SlowWire> {
  const micros = [delay.delayMs, delay.jitterMs ?? 0].map((ms) => String(Math.round(ms * 1000)));
  const args = [`--target=${pid}`, '--net', await program(), inner, outer, ...micros];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', (error) => {
      output += error.message;
      resolve();
    });
  });
  await until(
    () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the slow wire ended: ${output}`);
      return output.includes('ready');
    },
    { what: () => `the slow wire: ${output}`, abortOnThrow: true, intervalMs: 5 },
  );
  return {
    stop: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

/** The program of `load.c`: who answers, and who asks. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from '@timonel/sdk/command';

export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of who asked, for each. */
  readonly clientMicros: number;
  readonly failed: number;
}

export interface Load {
  readonly kind: 'keep' | 'new' | 'dns';
  readonly address: string;
  readonly port: number;
  readonly clients: number;
  readonly count: number;
}

/** @throws CommandError when there is no compiler */
export async function compileLoad(directory: string): Promise<string> {
  const program = join(directory, 'load');
  await mustRun('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, join(import.meta.dirname, 'load.c')]);
  return program;
}

/** `words` run a program in some network namespace; `[]`: in this one. */
export async function runLoad(
  program: string,
  words: readonly string[],
  { kind, address, port, clients, count }: Load,
  input = '',
): Promise<LoadResult> {
  const [first, ...rest] = [...words, program, kind, address, String(port), String(clients), String(count)];
  return JSON.parse(await mustRun(first, rest, input)) as LoadResult;
}

/** A process that says on its first line that it is ready, or what else it has to say. */
export function startSaying(
  words: readonly string[],
): Promise<{ readonly child: ChildProcess; readonly line: string }> {
  const [first = '', ...rest] = words;
  const child = spawn(first, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    let text = '';
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${words.join(' ')} ended with ${code}`)));
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve({ child, line: text.slice(0, text.indexOf('\n')) });
    });
  });
}

/** CPU time of a process and of what the kernel did in its name, in µs, with all of its threads. */
export function cpuMicrosOf(pid: number): number {
  const threads = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')[17];
  if (threads === '1') return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1000;
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

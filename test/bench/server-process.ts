/** A process that is measured: it says on its first line where it serves, and ends when its stdin does. */
import type { ChildProcess } from 'node:child_process';
import type { ServedAt } from './api/server.ts';

const startLimitMs = 60_000;

/** Flags of Node for the process that is measured, as for profiling: `--cpu-prof --cpu-prof-dir=DIR`. */
export const nodeFlags = (process.env['TIMONEL_BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');

/** Of an error that ended a process, what it says. */
export const reasonIn = (stderr: string): string | undefined => /^\w*Error(?: \[\w+\])?: (.*)$/m.exec(stderr)?.[1];

export async function servedAt(child: ChildProcess): Promise<ServedAt> {
  let out = '';
  let errors = '';
  const line = await new Promise<string>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`the server ${why}: ${reasonIn(errors) ?? out + errors}`));
    const timer = setTimeout(() => fail('did not start in time'), startLimitMs);
    child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4096)));
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (!out.includes('\n')) return;
      clearTimeout(timer);
      resolve(out);
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      fail(`ended with ${code ?? signal}`);
    });
  });
  return JSON.parse(line) as ServedAt;
}

export async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.stdin?.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), startLimitMs);
  await end;
  clearTimeout(timer);
}

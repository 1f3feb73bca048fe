import { spawn } from 'node:child_process';
import { NetworkError } from '@timonel/sdk/contracts/network';

export interface CommandResult {
  /** Exit status; -1: a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const maxOutputBytes = 16 * 1024 * 1024;

/** Runs a program with a text as standard input. @throws NetworkError COMMAND_FAILED when it cannot be run at all */
export function run(program: string, args: readonly string[], input = ''): Promise<CommandResult> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: 'pipe', env: { ...process.env, LC_ALL: 'C' } });
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (out[name].length < maxOutputBytes) out[name] += text;
      });
    }
    child.on('error', (error) =>
      fail(new NetworkError('COMMAND_FAILED', `${program} cannot be run: ${error.message}`)),
    );
    child.on('close', (status) => done({ status: status ?? -1, ...out }));
    // The program may end before it has read all: its exit status tells.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Runs a program that must succeed and returns what it printed. @throws NetworkError COMMAND_FAILED */
export async function mustRun(program: string, args: readonly string[], input = ''): Promise<string> {
  const result = await run(program, args, input);
  if (result.status !== 0) throw commandFailed(program, result);
  return result.stdout;
}

export function commandFailed(what: string, { status, stderr }: CommandResult): NetworkError {
  const text = stderr.trim().split('\n').slice(0, 8).join('; ').slice(0, 1000);
  return new NetworkError(
    'COMMAND_FAILED',
    `${what} failed with status ${status}: ${text === '' ? 'no message' : text}`,
  );
}

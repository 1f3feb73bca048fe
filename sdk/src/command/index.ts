/** Running a program of the host (`ip`, `nft`) to its end. */
import { spawn } from 'node:child_process';

export interface CommandResult {
  /** Exit status; -1: a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Recognise it by `name`. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError';
  readonly program: string;
  /** Undefined when the program could not be run at all. */
  readonly result: CommandResult | undefined;

  constructor(program: string, message: string, result?: CommandResult) {
    super(message);
    this.program = program;
    this.result = result;
  }
}

/** More output than this is dropped, bytes for each stream. */
const outputLimitBytes = 16 * 1024 * 1024;

/** The usual places of system programs, which the PATH of a service or of a plain user may lack. */
const systemPath = '/usr/local/sbin:/usr/sbin:/sbin';

/** Where {@link run} looks for programs: the PATH, and then the places of system programs. */
export function defaultPath(): string {
  return `${process.env['PATH'] ?? '/usr/bin:/bin'}:${systemPath}`;
}

/**
 * Runs a program without a shell, with `input` as its standard input. Messages are in English.
 * @throws CommandError when it cannot be run
 */
export function run(
  program: string,
  args: readonly string[],
  input: string = '',
  path: string = defaultPath(),
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, LC_ALL: 'C', PATH: path };
    const child = spawn(program, args, { stdio: 'pipe', env });
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (out[name].length < outputLimitBytes) out[name] += text;
      });
    }
    child.on('error', (error) => reject(new CommandError(program, `${program} cannot be run: ${error.message}`)));
    child.on('close', (status) => resolve({ status: status ?? -1, ...out }));
    // The program may end before it has read all of its input: its exit status tells.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Runs a program that must succeed; answers what it printed. @throws CommandError with its exit status and message */
export async function mustRun(program: string, args: readonly string[], input = ''): Promise<string> {
  const result = await run(program, args, input);
  if (result.status === 0) return result.stdout;
  throw new CommandError(program, failureText(program, result), result);
}

/** Says what failed, with the status and the first lines of the message. */
export function failureText(what: string, { status, stderr }: CommandResult): string {
  const text = stderr.trim().split('\n').slice(0, 8).join('; ').slice(0, 1000);
  return `${what} failed with status ${status}: ${text === '' ? 'no message' : text}`;
}

/**
 * Makes a link that carries addresses or routes but no traffic, and brings it up: a dummy, or an empty bridge where the kernel
 * has no dummy driver. An older link of that name is replaced. @throws CommandError
 */
export async function makeIdleLink(name: string): Promise<void> {
  await run('ip', ['link', 'delete', name]);
  const dummy = await run('ip', ['link', 'add', name, 'type', 'dummy']);
  if (dummy.status !== 0) await mustRun('ip', ['link', 'add', name, 'type', 'bridge']);
  await mustRun('ip', ['link', 'set', name, 'up']);
}

export * from './address-link.ts';
export * from './kernel-traces.ts';

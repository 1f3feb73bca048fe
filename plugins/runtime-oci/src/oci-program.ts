import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, type Env } from '@timonel/sdk';
import { defaultPath, mustRun } from '@timonel/sdk/command';
import { RuntimeError } from '@timonel/sdk/contracts/runtime';
import type { HostFinding, HostPrograms } from './host.ts';
import type { Layout } from './layout.ts';

/** A runtime that hangs (a dead disk) is killed. */
const deadlineMs = 30_000;

/** What an OCI runtime refused to do. */
export class OciFailure extends Error {
  override readonly name: string = 'OciFailure';
  /** As a shell has it: 126 not executable, 127 not found, 128 other. */
  readonly exitCode: number;

  constructor(text: string) {
    const message = plainText(text);
    super(message);
    this.exitCode = /not found|no such file or directory/i.test(message)
      ? 127
      : /permission denied|open executable|exec format error|is a directory/i.test(message)
        ? 126
        : 128;
  }
}

/** crun prints plain lines; runc writes log records, of which the last fatal one tells. */
function plainText(text: string): string {
  const records = [...text.matchAll(/level=(?:error|fatal) msg=("(?:[^"\\]|\\.)*"|\S+)/g)].map(([, value = '']) => {
    try {
      return value.startsWith('"') ? (JSON.parse(value) as string) : value;
    } catch {
      return value;
    }
  });
  const message = records.at(-1) ?? text;
  return message
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ')
    .slice(0, 1024);
}

/** Runs the OCI runtime, with its state in a directory of its own. */
export class OciProgram {
  readonly #find: () => HostFinding;
  readonly #stateDirectory: string;
  readonly #callsDirectory: string;
  readonly #env: Env;

  constructor(find: () => HostFinding, { state, calls }: Layout, env: Env) {
    this.#find = find;
    this.#stateDirectory = state;
    this.#callsDirectory = calls;
    this.#env = env;
  }

  /** Removes what calls left that were cut off. */
  open(): void {
    rmSync(this.#callsDirectory, { recursive: true, force: true });
    mkdirSync(this.#callsDirectory, { recursive: true, mode: 0o700 });
  }

  /** @throws Error that says what is missing and how to get it */
  programs(): HostPrograms {
    const found = this.#find();
    if ('programs' in found) return found.programs;
    throw new Error(found.reason);
  }

  /** The words of a command of the runtime. */
  words(args: readonly string[]): readonly string[] {
    return [...this.programs().runtime, '--root', this.#stateDirectory, ...args];
  }

  /** Runs it to its end. What it leaves behind (a container) holds none of our descriptors. @throws OciFailure */
  async run(args: readonly string[]): Promise<void> {
    // A file: a container that is made inherits it, and a pipe would not end.
    const log = join(this.#callsDirectory, this.#env.random.uuid());
    const fd = openSync(log, 'w', 0o600);
    try {
      const code = await this.#spawn(args, fd);
      if (code !== 0) throw new OciFailure(readFileSync(log, 'utf8') || `${args[0]} failed with status ${code}`);
    } finally {
      closeSync(fd);
      rmSync(log, { force: true });
    }
  }

  #spawn(args: readonly string[], fd: number): Promise<number> {
    const [program = '', ...words] = this.words(args);
    return new Promise((resolve, reject) => {
      const child = spawn(program, words, { stdio: ['ignore', 'ignore', fd], env: hostEnv(), cwd: '/' });
      const timer = this.#env.timers.after(deadlineMs, () => {
        child.kill('SIGKILL');
        reject(new OciFailure(`${args[0]} did not end within ${deadlineMs} ms`));
      });
      child.once('error', (error) => {
        timer.cancel();
        reject(new OciFailure(error.message));
      });
      child.once('exit', (code) => {
        timer.cancel();
        resolve(code ?? -1);
      });
    });
  }

  /** `created`, `running` or `stopped`. @throws Error when the runtime does not know it */
  async state(id: string): Promise<string> {
    const [program = '', ...words] = this.words(['state', id]);
    const text = await mustRun(program, words);
    return String((JSON.parse(text) as { readonly status?: unknown }).status);
  }

  /** Removes what the runtime knows of a container, killing it. What it does not know is no error. */
  async delete(id: string): Promise<void> {
    if (!existsSync(join(this.#stateDirectory, id))) return;
    await this.run(['delete', '--force', id]).catch((error: unknown) => {
      if (!/does not exist|No such file|not exist/i.test(errorMessage(error))) throw error;
    });
  }
}

export function hostEnv(): Record<string, string> {
  return { PATH: defaultPath(), LC_ALL: 'C', TZ: 'UTC' };
}

/** @throws RuntimeError with this reason, unless it is one already */
export function asRuntimeError(error: unknown, reason: string): unknown {
  if (typeof error === 'object' && error !== null && 'reason' in error) return error;
  const known = error instanceof Object && 'exitCode' in error ? (error as OciFailure).exitCode : 128;
  return new RuntimeError(reason, errorMessage(error), { exitCode: known, cause: error });
}

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Transform, type Writable } from 'node:stream';
import type { Env } from '@timonel/sdk';
import { RuntimeError, type ExecOptions, type ExecSession } from '@timonel/sdk/contracts/runtime';
import { processSpec } from './bundle/process.ts';
import type { RuntimeOciConfig } from './config.ts';
import type { Container } from './container.ts';
import { helper } from './helper.ts';
import { identityOf, killProcess } from './identity.ts';
import { hostEnv, OciFailure, type OciProgram } from './oci-program.ts';

/** How long we wait for the end of the output after the command ended: a process it left behind may hold it open. */
const drainMs = 1000;
/** The OCI runtime needs a moment until there is a process to kill. */
const killRetryMs = 20;
const killAttempts = 250;

const signalNumbers: Readonly<Record<string, number>> = { SIGKILL: 9, SIGTERM: 15, SIGINT: 2, SIGHUP: 1 };

/** Starts a process in a running container. @throws RuntimeError ExecError */
export async function openSession(
  container: Container,
  options: ExecOptions,
  program: OciProgram,
  { env, settings }: { readonly env: Env; readonly settings: RuntimeOciConfig },
): Promise<ExecSession> {
  const { id } = container.config;
  if (container.state !== 'running') {
    throw new RuntimeError('ExecError', `container ${id} is not running: it is ${container.state}`);
  }
  const { config, sandbox, user } = container.stored;
  const spec = processSpec({ config, hostname: sandbox.hostname, user, settings }, options);
  const files = new SessionFiles(join(container.files.directory, `exec-${env.random.uuid()}`));
  writeFileSync(files.process, JSON.stringify(spec), { mode: 0o600 });
  const child = start(program, container, options, files);
  child.once('close', () => {
    files.remove();
  });
  return await new Promise((resolve, reject) => {
    child.once('spawn', () => {
      resolve(session(child, options, files, env));
    });
    child.once('error', (error) => {
      files.remove();
      reject(new RuntimeError('ExecError', error.message, { cause: error }));
    });
  });
}

function start(
  program: OciProgram,
  { config, files: { directory } }: Container,
  options: ExecOptions,
  files: SessionFiles,
): ChildProcess {
  const { tty, stdin } = options;
  const stdio = [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', tty ? 'pipe' : 'ignore'] as const;
  const exec = (...more: readonly string[]): readonly string[] =>
    program.words(['exec', '--process', files.process, '--pid-file', files.pid, ...more, config.id]);
  if (!tty) {
    const [runtime = '', ...words] = exec();
    return spawn(runtime, words, { stdio: [...stdio], env: hostEnv(), cwd: '/' });
  }
  // The path of a socket has room for 107 bytes: it is given by the directory that the helper is in.
  const words = ['terminal', files.name, ...exec('--tty', '--detach', '--console-socket', `${files.name}.tty`)];
  return spawn(helper, words, { stdio: [...stdio], env: hostEnv(), cwd: directory });
}

function session(child: ChildProcess, { tty }: ExecOptions, files: SessionFiles, env: Env): ExecSession {
  const { stdout } = child;
  if (stdout === null) throw new Error('the session has no output'); // it was asked for above
  child.stdin?.on('error', () => undefined); // the command ended before it read all
  const sizes = tty ? (child.stdio[3] as Writable) : undefined;
  sizes?.on('error', () => undefined);
  let ended = false;
  let killed = false;
  let said = '';
  const stderr = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (said.length < 4096) said += chunk.toString('utf8');
      done(null, chunk);
    },
  });
  child.stderr?.pipe(stderr);
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = true;
      // Without a process the OCI runtime's own status says nothing, and its message all.
      const failed = !existsSync(files.pid);
      const finish = (): void => {
        drained.cancel();
        const status = code ?? 128 + (signalNumbers[signal ?? ''] ?? 0);
        if (failed && !killed) resolve(new OciFailure(said).exitCode);
        else resolve(killed && status === 0 ? 137 : status);
      };
      const drained = env.timers.after(drainMs, finish);
      child.once('close', finish);
    });
  });
  return {
    stdin: child.stdin ?? undefined,
    stdout,
    stderr,
    resize(columns, rows) {
      sizes?.write(`${Math.floor(columns)} ${Math.floor(rows)}\n`);
    },
    exited,
    kill() {
      if (killed || ended) return;
      killed = true;
      void killCommand(files, () => ended, env).finally(() => child.kill('SIGKILL'));
    },
  };
}

/** The command itself: whoever waits for it in its place ends by that. */
async function killCommand(files: SessionFiles, ended: () => boolean, env: Env): Promise<void> {
  for (let attempt = 0; attempt < killAttempts && !ended(); attempt++) {
    const command = files.command();
    if (command !== undefined) killProcess(command);
    await env.timers.sleep(killRetryMs);
  }
}

class SessionFiles {
  readonly process: string;
  readonly pid: string;
  readonly name: string;
  readonly #base: string;

  constructor(base: string) {
    this.#base = base;
    this.process = `${base}.json`;
    this.pid = `${base}.pid`;
    this.name = base.slice(base.lastIndexOf('/') + 1);
  }

  command(): ReturnType<typeof identityOf> {
    try {
      return identityOf(Number(readFileSync(this.pid, 'utf8')));
    } catch {
      return undefined;
    }
  }

  remove(): void {
    for (const ending of ['json', 'pid', 'tty']) rmSync(`${this.#base}.${ending}`, { force: true });
  }
}

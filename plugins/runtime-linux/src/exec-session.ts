import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { Env } from '@timonel/sdk';
import { RuntimeError, type ExecOptions, type ExecSession, type SandboxConfig } from '@timonel/sdk/contracts/runtime';
import type { RuntimeLinuxConfig } from './config.ts';
import { execSpec } from './container-spec.ts';
import type { Container } from './container.ts';
import { filterOfSpec } from './seccomp/filters.ts';
import { encodeSpec } from './spec-file.ts';

/** How long we wait for the end of the output after the command ended: a process it left behind may hold it open. The streams stay as they are. */
const drainMs = 1000;

const signalNumbers: Readonly<Record<string, number>> = { SIGKILL: 9, SIGTERM: 15, SIGINT: 2, SIGHUP: 1 };

export interface SessionHost {
  readonly env: Env;
  readonly settings: RuntimeLinuxConfig;
  /** The native side. */
  readonly monitor: string;
}

/** Starts a process in a running container. `name` tells its spec file from those of others. */
export function openSession(
  container: Container,
  sandbox: SandboxConfig,
  options: ExecOptions,
  joinFiles: readonly string[],
  name: string,
  { env, settings, monitor }: SessionHost,
): Promise<ExecSession> {
  if (container.state !== 'running') {
    throw new RuntimeError('ExecError', `container ${container.config.id} is not running: it is ${container.state}`);
  }
  const { command, tty } = options;
  const file = join(container.directories.run, `exec-${name}`);
  const filter = filterOfSpec(readFileSync(join(container.directories.run, 'spec'), 'utf8'));
  const spec = execSpec(container.config, sandbox, {
    command,
    tty,
    pid: container.init.pid,
    joinFiles,
    filter,
    settings,
  });
  writeFileSync(file, encodeSpec(spec), { mode: 0o600 });
  const child = spawn(monitor, ['exec', file], {
    stdio: [options.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', tty ? 'pipe' : 'ignore'],
    env: {},
    cwd: '/',
  });
  const stdout = child.stdout;
  if (stdout === null) throw new Error('the session has no output'); // it was asked for above
  child.stdin?.on('error', () => undefined); // the command ended before it read all
  const sizes = tty ? (child.stdio[3] as Writable) : undefined;
  sizes?.on('error', () => undefined);
  const exited = new Promise<number>((resolve) => {
    child.on('exit', (code, signal) => {
      const finish = (): void => {
        drained.cancel();
        resolve(code ?? 128 + (signalNumbers[signal ?? ''] ?? 0));
      };
      const drained = env.timers.after(drainMs, finish);
      child.on('close', finish);
    });
  });
  const session: ExecSession = {
    stdin: child.stdin ?? undefined,
    stdout,
    stderr: child.stderr ?? undefined,
    resize(columns, rows) {
      sizes?.write(`${Math.floor(columns)} ${Math.floor(rows)}\n`);
    },
    exited,
    kill() {
      child.kill('SIGTERM'); // it kills the command and reaps it
    },
  };
  return new Promise((resolve, reject) => {
    child.once('spawn', () => {
      resolve(session);
    });
    child.once('error', (error) => {
      reject(new RuntimeError('ExecError', error.message, { cause: error }));
    });
  });
}

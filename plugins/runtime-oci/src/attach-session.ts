import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { errorMessage, type Env } from '@timonel/sdk';
import { RuntimeError, type AttachOptions, type ExecSession } from '@timonel/sdk/contracts/runtime';
import type { Container } from './container.ts';
import type { Containers } from './containers.ts';
import { helper, helperText } from './helper.ts';

/** What a killed conmon leaves dies at once, but for processes with much memory or on a dead disk. */
const dyingMs = 10_000;
const drainMs = 1000;
/** Exit status of the helper: its reader took nothing for a while. */
const droppedStatus = 75;
const droppedLine = 'attach: this connection was dropped: it is read more slowly than the container writes\n';

/** Joins the streams of a running container through conmon's socket. @throws RuntimeError AttachError */
export async function attachSession(
  container: Container,
  containers: Containers,
  options: AttachOptions,
  env: Env,
): Promise<ExecSession> {
  const { config, files } = container;
  if (container.state !== 'running') {
    throw new RuntimeError('AttachError', `container ${config.id} is not running: it is ${container.state}`);
  }
  const input = options.stdin && config.stdin;
  const endsInput = config.stdinOnce && !config.tty;
  // Conmon takes the leaving of anybody for the end of the input: who gave none stays on until the container's end.
  const letters = `a${input ? 'i' : ''}${input && endsInput ? 'e' : ''}${config.stdin && endsInput && !input ? 'l' : ''}`;
  const child = spawn(helper, ['attach', files.directory, letters], {
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe', 'pipe'],
    env: {},
    cwd: '/',
  });
  try {
    await attached(child);
  } catch (fault) {
    throw new RuntimeError('AttachError', `container ${config.id} cannot be attached to: ${errorMessage(fault)}`, {
      cause: fault,
    });
  }
  return session(child, container, containers, env, letters.includes('l'));
}

/** Until the helper is connected. */
function attached(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const ready = child.stdio[3] as Readable;
    let error = '';
    const hear = (chunk: Buffer): void => {
      if (error.length < 4096) error += chunk.toString('utf8');
    };
    child.stderr?.on('data', hear);
    ready.once('data', () => {
      child.stderr?.off('data', hear);
      ready.destroy();
      resolve();
    });
    child.once('error', reject);
    child.once('close', () => {
      reject(new Error(helperText(error) || 'the helper ended'));
    });
  });
}

function session(
  child: ChildProcess,
  container: Container,
  containers: Containers,
  env: Env,
  lingers: boolean,
): ExecSession {
  const { tty } = container.config;
  const stdout = new PassThrough();
  const stderr = tty ? undefined : new PassThrough();
  let left = false;
  let leave: (exitCode: number) => void = () => undefined;
  child.stdin?.on('error', () => undefined); // the container closed its input
  child.stdout?.pipe(stdout, { end: false });
  if (stderr === undefined) child.stderr?.resume();
  else child.stderr?.pipe(stderr, { end: false });
  const ended = new Promise<number | null>((resolve) => {
    // Who was dropped reads nothing, so his streams do not close.
    child.once('exit', (status) => {
      if (status === droppedStatus) resolve(status);
    });
    child.once('close', (status) => {
      resolve(status);
    });
  });
  const exited = outcome();
  return {
    stdin: child.stdin ?? undefined,
    stdout,
    stderr,
    resize(columns, rows) {
      resize(container, columns, rows);
    },
    exited,
    kill() {
      if (left) return;
      left = true;
      if (!lingers) child.kill('SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
      finish();
      leave(0);
    },
  };

  async function outcome(): Promise<number> {
    const gone = new Promise<number>((resolve) => {
      leave = resolve;
    });
    const over = ended.then(async (status) => {
      if (left) return 0;
      const dropped = status === droppedStatus;
      if (dropped) (stderr ?? stdout).write(droppedLine);
      const isOver = (): boolean => container.state === 'exited';
      if (!dropped) await containers.until(container, isOver, dyingMs);
      finish();
      return dropped ? 1 : (container.exit?.exitCode ?? 1);
    });
    return await Promise.race([gone, over, byEnd()]);
  }

  /** The container's end, also when its output is not read: that is not waited for longer than a moment. */
  async function byEnd(): Promise<number> {
    await new Promise<void>((resolve) => {
      const forget = containers.listen(container, () => {
        if (container.state !== 'exited') return;
        forget();
        resolve();
      });
      void ended.then(() => {
        forget();
      });
    });
    const waited = new AbortController();
    await Promise.race([ended, env.timers.sleep(drainMs, waited.signal).catch(() => undefined)]);
    waited.abort();
    child.stdin?.destroy();
    return container.exit?.exitCode ?? 1;
  }

  function finish(): void {
    stdout.end();
    stderr?.end();
  }
}

/** Conmon reads `1 ROWS COLUMNS` from its control FIFO. One that is stuck does not read: a size is not worth a fault. */
function resize({ files }: Container, columns: number, rows: number): void {
  let fifo: number;
  try {
    fifo = openSync(join(files.directory, 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return;
  }
  try {
    writeSync(fifo, `1 ${Math.floor(rows)} ${Math.floor(columns)}\n`);
  } catch {
    // its FIFO is full
  } finally {
    closeSync(fifo);
  }
}

import { closeSync, constants, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { errorCode, errorMessage, type Env } from '@timonel/sdk';
import { RuntimeError, type AttachOptions, type ExecSession } from '@timonel/sdk/contracts/runtime';
import type { Container } from './container.ts';
import type { ContainerEnd } from './containers.ts';

/** A monitor has recorded the end of its container before it closes the streams; one that was killed is found out a little later. */
const recordMs = 500;
/** What a killed monitor leaves dies at once, but for processes with much memory or on a dead disk. */
const dyingMs = 10_000;
const drainMs = 1000;

const droppedLine =
  'attach: this connection was dropped: it is read more slowly than the container writes, or too many are attached\n';

const explanations: Readonly<Record<string, string>> = {
  ENOENT: 'an older version started it, which kept its streams to itself; restart it',
  EAGAIN: 'its monitor process does not answer',
};

/** Joins the streams of a running container through the sockets that its monitor listens on. */
export async function attachSession(
  container: Container,
  end: ContainerEnd,
  options: AttachOptions,
  env: Env,
): Promise<ExecSession> {
  const { config, directories } = container;
  if (container.state !== 'running') {
    throw new RuntimeError('AttachError', `container ${config.id} is not running: it is ${container.state}`);
  }
  const sockets: Socket[] = [];
  const open = async (name: string): Promise<Socket> => {
    const socket = await connectTo(directories.run, name);
    sockets.push(socket);
    return socket;
  };
  try {
    const output = await open('attach.out');
    const error = config.tty ? undefined : await open('attach.err');
    const input = options.stdin && config.stdin ? await open('attach.in').catch(closedInput) : undefined;
    const session = new AttachSession({ output, error, input }, end, env);
    return {
      stdin: input,
      stdout: session.stdout,
      stderr: session.stderr,
      resize: (columns, rows) => resize(container, columns, rows),
      exited: session.exited,
      kill() {
        session.leave();
      },
    };
  } catch (fault) {
    for (const socket of sockets) socket.destroy();
    const reason = explanations[errorCode(fault) ?? ''] ?? errorMessage(fault);
    const why = `container ${config.id} cannot be attached to: ${reason}`;
    throw new RuntimeError('AttachError', why, { cause: fault });
  }
}

/** A monitor that is stuck does not read its commands; a size is not worth a fault. */
function resize(container: Container, columns: number, rows: number): void {
  try {
    container.tell(`resize ${Math.floor(columns)} ${Math.floor(rows)}`);
  } catch (error) {
    if (errorCode(error) !== 'EAGAIN') throw error;
  }
}

/** Nobody listens: the stdin of this container is closed, by `stdinOnce` or by itself. */
function closedInput(error: unknown): undefined {
  if (!['ENOENT', 'ECONNREFUSED'].includes(errorCode(error) ?? '')) throw error;
}

interface AttachSockets {
  readonly output: Socket;
  readonly error: Socket | undefined;
  readonly input: Socket | undefined;
}

type Outcome = { readonly exitCode: number } | 'left' | 'dropped';

class AttachSession {
  readonly stdout: PassThrough = new PassThrough();
  readonly stderr: PassThrough | undefined;
  readonly exited: Promise<number>;
  readonly #sockets: AttachSockets;
  readonly #settle: (outcome: Outcome) => void;
  readonly #outcome: Promise<Outcome>;
  readonly #end: ContainerEnd;
  #judged = false;

  constructor(sockets: AttachSockets, end: ContainerEnd, env: Env) {
    const { output, error } = sockets;
    this.#sockets = sockets;
    this.#end = end;
    const { promise, resolve } = withResolvers<Outcome>();
    this.#outcome = promise;
    this.#settle = resolve;
    const forget = end.listen((exitCode) => resolve({ exitCode }));
    void promise.then(forget);
    this.stderr = error === undefined ? undefined : new PassThrough();
    const closed = Promise.all([
      this.#relay(output, this.stdout),
      error === undefined || this.stderr === undefined ? undefined : this.#relay(error, this.stderr),
    ]);
    this.exited = this.#exitCode(closed, env);
  }

  leave(): void {
    this.#settle('left');
    for (const socket of Object.values(this.#sockets)) socket?.destroy();
  }

  /** Until the monitor closes it. */
  async #relay(from: Socket, to: PassThrough): Promise<void> {
    from.pipe(to, { end: false });
    await new Promise<void>((resolve) => from.once('close', () => resolve()));
    await this.#judge();
    if ((await this.#outcome) === 'dropped' && to === (this.stderr ?? this.stdout)) to.write(droppedLine);
    to.end();
  }

  /** A stream was closed: the container has ended, or this reader was dropped. */
  async #judge(): Promise<void> {
    if (this.#judged) return;
    this.#judged = true;
    let exitCode = await this.#end.within(recordMs);
    if (exitCode === undefined && !this.#end.isMonitored()) exitCode = await this.#end.within(dyingMs);
    if (exitCode !== undefined) {
      this.#settle({ exitCode });
      return;
    }
    this.#settle('dropped');
    for (const socket of Object.values(this.#sockets)) socket?.destroy();
  }

  async #exitCode(closed: Promise<unknown>, env: Env): Promise<number> {
    const outcome = await this.#outcome;
    this.#sockets.input?.destroy();
    if (typeof outcome === 'string') return outcome === 'left' ? 0 : 1;
    // What it wrote last is on the way; a reader that does not read is not waited for.
    const waited = new AbortController();
    await Promise.race([closed, env.timers.sleep(drainMs, waited.signal).catch(() => undefined)]);
    waited.abort();
    return outcome.exitCode;
  }
}

function withResolvers<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Through the directory's descriptor: the path of a socket has room for 107 bytes. */
async function connectTo(directory: string, name: string): Promise<Socket> {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const socket = connect(join('/proc/self/fd', String(fd), name));
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    // An end with data on the way, or a write to one that is gone: `close` tells.
    socket.on('error', () => undefined);
    return socket;
  } finally {
    closeSync(fd);
  }
}

/** Shares the streams of a process among those who attach to it. */
import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { Env } from '@timonel/sdk';
import { RuntimeError, type ExecSession } from '@timonel/sdk/contracts/runtime';
import type { SourceGate } from './source-gate.ts';

const clientLimit = 16;
/** The process waits for a reader that leaves more than this unread. Who reads nothing for so long is dropped. */
const unreadLimitBytes = 1024 * 1024;
/** Of an ended process nobody is waited for: what was left in its pipes is kept for its readers, up to this. */
const lastLimitBytes = 2 * unreadLimitBytes;
const stallMs = 5000;

const droppedLine = 'attach: this connection was dropped: it is read more slowly than the container writes\n';

interface Client {
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  end(exitCode: number): void;
}

export interface HubOptions {
  /** The input of the process ends with that of the first who wrote. */
  readonly once: boolean;
  readonly env: Env;
  readonly gate: SourceGate;
}

export class AttachHub {
  readonly #clients = new Set<Client>();
  readonly #input: Writable | undefined;
  readonly #options: HubOptions;
  /** Those whom the process waits for, and how to wait no longer. */
  readonly #behind = new Map<Client, () => void>();
  #hurry = false;

  constructor(output: Readable | null, error: Readable | null, input: Writable | null, options: HubOptions) {
    this.#input = input ?? undefined;
    this.#options = options;
    input?.on('error', () => undefined); // the process closed it
    input?.setMaxListeners(2 * clientLimit);
    output?.on('data', (chunk: Buffer) => this.#send('stdout', chunk));
    error?.on('data', (chunk: Buffer) => this.#send('stderr', chunk));
  }

  /** @throws RuntimeError AttachError */
  attach(stdin: boolean): ExecSession {
    if (this.#clients.size >= clientLimit) {
      throw new RuntimeError('AttachError', `${clientLimit} are attached to this container: no more fit`);
    }
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const input = stdin && this.#input?.writable === true ? this.#inputOf(this.#input) : undefined;
    let settle: (exitCode: number) => void = () => undefined;
    const exited = new Promise<number>((resolve) => (settle = resolve));
    const client: Client = {
      stdout,
      stderr,
      end: (exitCode) => {
        if (!this.#clients.delete(client)) return;
        this.#behind.get(client)?.();
        stdout.end();
        stderr.end();
        input?.destroy();
        settle(exitCode);
      },
    };
    this.#clients.add(client);
    return { stdin: input, stdout, stderr, resize: () => undefined, exited, kill: () => client.end(0) };
  }

  /** The process has ended: what is left in its pipes is read to its end, whoever is behind. */
  hurry(): void {
    this.#hurry = true;
    for (const goOn of this.#behind.values()) goOn();
  }

  /** No output comes any more. */
  end(exitCode: number): void {
    for (const client of this.#clients) client.end(exitCode);
  }

  #inputOf(target: Writable): PassThrough {
    const input = new PassThrough();
    input.pipe(target, { end: false });
    input.on('error', () => undefined);
    input.once('close', () => {
      input.unpipe(target);
      if (this.#options.once) target.end();
    });
    return input;
  }

  #send(name: 'stdout' | 'stderr', chunk: Buffer): void {
    for (const client of this.#clients) {
      client[name].write(chunk);
      if (unreadBytes(client[name]) <= unreadLimitBytes) continue;
      if (!this.#hurry) this.#waitFor(client, client[name]);
      else if (unreadBytes(client[name]) > lastLimitBytes) drop(client);
    }
  }

  #waitFor(client: Client, stream: PassThrough): void {
    if (this.#behind.has(client)) return;
    const { env, gate } = this.#options;
    let unread = unreadBytes(stream);
    const look = (): void => {
      const before = unread;
      unread = unreadBytes(stream);
      if (unread < before) timer = env.timers.after(stallMs, look);
      else drop(client);
    };
    let timer = env.timers.after(stallMs, look);
    const goOn = (): void => {
      timer.cancel();
      stream.removeListener('drain', goOn);
      this.#behind.delete(client);
      if (this.#behind.size === 0) gate.release(this);
    };
    stream.once('drain', goOn);
    this.#behind.set(client, goOn);
    gate.hold(this);
  }
}

function unreadBytes(stream: PassThrough): number {
  return stream.writableLength + stream.readableLength;
}

function drop(client: Client): void {
  client.stderr.write(droppedLine);
  client.end(1);
}

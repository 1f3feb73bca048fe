/** Shares the streams of a process among those who attach to it. */
import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { Env } from '@timonel/sdk';
import { RuntimeError, type ExecSession } from '@timonel/sdk/contracts/runtime';

const clientLimit = 16;
/** The process waits for a reader that leaves more than this unread, and no longer than that. Then he is dropped. */
const unreadLimitBytes = 1024 * 1024;
const stallMs = 5000;

const droppedLine = 'attach: this connection was dropped: it is read more slowly than the container writes\n';

interface Client {
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  end(exitCode: number): void;
  readonly ended: AbortSignal;
}

export class AttachHub {
  readonly #clients = new Set<Client>();
  readonly #input: Writable | undefined;
  readonly #once: boolean;
  readonly #env: Env;
  readonly #sources: readonly Readable[];
  /** Those whom the process waits for. */
  readonly #behind = new Set<Client>();

  /** `once`: the input of the process ends with that of the first who wrote. */
  constructor(
    output: Readable | null,
    error: Readable | null,
    input: Writable | null,
    options: { readonly once: boolean; readonly env: Env },
  ) {
    this.#input = input ?? undefined;
    this.#once = options.once;
    this.#env = options.env;
    this.#sources = [output, error].filter((source) => source !== null);
    input?.on('error', () => undefined); // the process closed it
    for (const [name, source] of [
      ['stdout', output],
      ['stderr', error],
    ] as const) {
      source?.on('data', (chunk: Buffer) => this.#send(name, source, chunk));
    }
  }

  /** @throws RuntimeError AttachError */
  attach(stdin: boolean): ExecSession {
    if (this.#clients.size >= clientLimit) {
      throw new RuntimeError('AttachError', `${clientLimit} are attached to this container: no more fit`);
    }
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const input = stdin && this.#input?.writable === true ? this.#inputOf(this.#input) : undefined;
    const exited = new Promise<number>((resolve) => {
      const over = new AbortController();
      const client: Client = {
        stdout,
        stderr,
        ended: over.signal,
        end: (exitCode) => {
          over.abort();
          this.#clients.delete(client);
          stdout.end();
          stderr.end();
          input?.destroy();
          resolve(exitCode);
        },
      };
      this.#clients.add(client);
    });
    const kill = (): void => {
      for (const client of this.#clients) if (client.stdout === stdout) client.end(0);
    };
    return { stdin: input, stdout, stderr, resize: () => undefined, exited, kill };
  }

  /** The process has ended. */
  end(exitCode: number): void {
    for (const client of this.#clients) client.end(exitCode);
  }

  #inputOf(target: Writable): PassThrough {
    const input = new PassThrough();
    input.pipe(target, { end: false });
    input.on('error', () => undefined);
    if (this.#once) input.once('close', () => target.end());
    return input;
  }

  #send(name: 'stdout' | 'stderr', source: Readable, chunk: Buffer): void {
    for (const client of this.#clients) {
      client[name].write(chunk);
      const unreadBytes = client[name].writableLength + client[name].readableLength;
      if (unreadBytes > unreadLimitBytes) this.#waitFor(client, client[name]);
    }
    // The log lets it go on when it has caught up itself.
    if (this.#behind.size > 0) source.pause();
  }

  #waitFor(client: Client, stream: PassThrough): void {
    if (this.#behind.has(client)) return;
    this.#behind.add(client);
    const goOn = (): void => {
      timer.cancel();
      this.#behind.delete(client);
      if (this.#behind.size === 0) for (const source of this.#sources) source.resume();
    };
    const timer = this.#env.timers.after(stallMs, () => {
      client.stderr.write(droppedLine);
      client.end(1);
    });
    stream.once('drain', goOn);
    client.ended.addEventListener('abort', goOn, { once: true });
  }
}

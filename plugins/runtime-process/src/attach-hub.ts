/** Shares the streams of a process among those who attach to it. */
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { RuntimeError, type ExecSession } from '@timonel/sdk/contracts/runtime';

const clientLimit = 16;
/** A reader that leaves more than this unread is dropped. */
const unreadLimitBytes = 1024 * 1024;

const droppedLine = 'attach: this connection was dropped: it is read more slowly than the container writes\n';

interface Client {
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  end(exitCode: number): void;
}

export class AttachHub {
  readonly #clients = new Set<Client>();
  readonly #input: Writable | undefined;
  readonly #once: boolean;

  /** `once`: the input of the process ends with that of the first who wrote. */
  constructor(output: Readable | null, error: Readable | null, input: Writable | null, once: boolean) {
    this.#input = input ?? undefined;
    this.#once = once;
    input?.on('error', () => undefined); // the process closed it
    for (const [name, source] of [
      ['stdout', output],
      ['stderr', error],
    ] as const) {
      source?.on('data', (chunk: Buffer) => this.#send(name, chunk));
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
      const client: Client = {
        stdout,
        stderr,
        end: (exitCode) => {
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

  #send(name: 'stdout' | 'stderr', chunk: Buffer): void {
    for (const client of this.#clients) {
      client[name].write(chunk);
      if (client[name].writableLength + client[name].readableLength <= unreadLimitBytes) continue;
      client.stderr.write(droppedLine);
      client.end(1);
    }
  }
}

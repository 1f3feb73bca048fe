import { request } from 'node:http';
import { PassThrough, Writable, type Duplex } from 'node:stream';
import { errorMessage, type Env, type TimerHandle } from '@timonel/sdk';
import { RuntimeError, type AttachOptions, type ExecSession } from '@timonel/sdk/contracts/runtime';
import { SpdySession, type SpdyStream } from '@timonel/sdk/spdy';
import { terminalSizeText } from '@timonel/sdk/streams';
import type { StoredContainer } from './container-request.ts';
import type { Channel } from './cri/channel.ts';

/** The newest protocol of containerd 1.6. */
const protocol = 'v4.channel.k8s.io';
const upgradeMs = 10_000;
/** Who takes nothing for so long is dropped: he would hold up the container, and with it its log. */
const paceMs = 5000;
const bufferBytes = 1024 * 1024;
const shimRounds = 4;
const idleMs = 4 * 60 * 60_000;
const lostLine = 'attach: containerd has ended this connection; the container goes on\n';
const droppedLine = 'attach: this connection was dropped: it is read more slowly than the container writes\n';

export interface AttachPlace {
  readonly channel: Channel;
  readonly env: Env;
  readonly criId: string;
  readonly stored: StoredContainer;
  /** The container's exit code once it has ended; undefined: it goes on. */
  ended(): Promise<number | undefined>;
}

/** Joins the streams of a container through containerd's streaming server. */
export async function openAttach(place: AttachPlace, options: AttachOptions): Promise<ExecSession> {
  const { channel, env, criId, stored } = place;
  const stdin = options.stdin && stored.stdin;
  const { tty } = stored;
  let connection: Duplex | undefined;
  try {
    const { url } = await channel.call('Attach', { containerId: criId, stdin, tty, stdout: true, stderr: !tty });
    connection = await upgrade(url, env);
    const session = new SpdySession(connection, { streams: 8, timers: env.timers, idleMs });
    const open = (name: string, wanted = true): Promise<SpdyStream> | undefined =>
      wanted ? session.open(new Map([['streamtype', name]])) : undefined;
    const [error, input, output, errors, resize] = await Promise.all([
      open('error'),
      open('stdin', stdin),
      open('stdout'),
      open('stderr', !tty),
      open('resize', tty),
    ]);
    if (error === undefined || output === undefined) throw new Error('a stream is missing');
    // Its end says what the streams say too.
    error.resume().end();
    for (const stream of [output, errors]) stream?.end();
    await joined(place);
    return new AttachSession(place, session, { input, output, errors, resize });
  } catch (fault) {
    connection?.destroy();
    throw new RuntimeError('AttachError', `container ${stored.id} cannot be attached to: ${errorMessage(fault)}`, {
      cause: fault,
    });
  }
}

/**
 * containerd joins the output after it has accepted the streams, and says nothing then: on its way there it asks the container's shim
 * once. What asks it more often, later, gets its answer later.
 */
async function joined({ channel, criId }: AttachPlace): Promise<void> {
  for (let round = 0; round < shimRounds; round += 1) await channel.call('ListPids', { containerId: criId });
}

/** containerd hands out URLs of its streaming server, which must be on this node. */
function upgrade(url: string, env: Env): Promise<Duplex> {
  const { protocol: scheme, hostname, port, pathname, search } = new URL(url);
  if (scheme !== 'http:')
    throw new Error(
      `the streaming server of containerd wants ${scheme.slice(0, -1)}: set enable_tls_streaming = false in config.toml`,
    );
  return new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': protocol };
    const call = request({ hostname, port, path: `${pathname}${search}`, method: 'POST', headers, agent: false });
    const limit = env.timers.after(upgradeMs, () =>
      call.destroy(new Error('the streaming server of containerd does not answer')),
    );
    const settle = (): void => limit.cancel();
    call.once('upgrade', (_answer, socket, head) => {
      settle();
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    call.once('response', (answer) => {
      settle();
      answer.destroy();
      reject(new Error(`the streaming server of containerd answered ${answer.statusCode}`));
    });
    call.once('error', (error) => {
      settle();
      reject(error);
    });
    call.end();
  });
}

interface Streams {
  readonly input: SpdyStream | undefined;
  readonly output: SpdyStream;
  readonly errors: SpdyStream | undefined;
  readonly resize: SpdyStream | undefined;
}

class AttachSession implements ExecSession {
  readonly stdin: NodeJS.WritableStream | undefined;
  readonly stdout: PassThrough = new PassThrough({ readableHighWaterMark: bufferBytes });
  readonly stderr: PassThrough | undefined;
  readonly exited: Promise<number>;
  readonly #place: AttachPlace;
  readonly #session: SpdySession;
  readonly #streams: Streams;
  #outcome: 'left' | 'dropped' | undefined;

  constructor(place: AttachPlace, session: SpdySession, streams: Streams) {
    this.#place = place;
    this.#session = session;
    this.#streams = streams;
    this.stdin = streams.input === undefined ? undefined : inputOf(streams.input, place.stored);
    this.stderr = streams.errors === undefined ? undefined : new PassThrough({ readableHighWaterMark: bufferBytes });
    this.exited = this.#end();
    this.exited.catch(() => undefined);
  }

  resize(columns: number, rows: number): void {
    this.#streams.resize?.write(terminalSizeText({ columns, rows }));
  }

  kill(): void {
    this.#outcome ??= 'left';
    this.#session.destroy();
  }

  async #end(): Promise<number> {
    const { output, errors } = this.#streams;
    await Promise.all([
      this.#relay(output, this.stdout),
      errors === undefined || this.stderr === undefined ? undefined : this.#relay(errors, this.stderr),
    ]);
    const code = this.#outcome === undefined ? await this.#place.ended() : undefined;
    this.#session.destroy();
    if (this.#outcome === 'dropped') (this.stderr ?? this.stdout).write(droppedLine);
    if (this.#outcome === undefined && code === undefined) (this.stderr ?? this.stdout).write(lostLine);
    this.stdout.end();
    this.stderr?.end();
    if (code !== undefined) return code;
    return this.#outcome === 'left' ? 0 : 1;
  }

  /** Until containerd ends it, or the connection breaks. */
  async #relay(from: SpdyStream, to: PassThrough): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        if (!to.write(chunk)) await this.#taken(to);
      }
    } catch {
      // Broken off: `ended` tells whether the container is the reason.
    }
  }

  /** Resolves when the reader has taken all, and drops him when he takes nothing for long. */
  #taken(to: PassThrough): Promise<void> {
    return new Promise((resolve) => {
      let waiting = to.readableLength;
      const check = (): void => {
        const now = to.readableLength;
        if (now >= waiting && waiting > 0) {
          this.#outcome ??= 'dropped';
          this.#session.destroy();
          settle();
          return;
        }
        waiting = now;
        timer = this.#place.env.timers.after(paceMs, check);
      };
      let timer: TimerHandle = this.#place.env.timers.after(paceMs, check);
      const settle = (): void => {
        timer.cancel();
        to.off('drain', settle).off('close', settle);
        resolve();
      };
      to.on('drain', settle).on('close', settle);
      void this.#session.closed.then(settle);
    });
  }
}

/** The end of an input ends that of the container only when it says so; containerd would end the whole session else. */
function inputOf(stream: SpdyStream, { stdinOnce, tty }: StoredContainer): Writable {
  const input = new Writable({
    write: (chunk: Buffer, _encoding, done) => void stream.write(chunk, done),
    final(done) {
      if (stdinOnce && !tty) stream.end(done);
      else done();
    },
  });
  input.on('error', () => undefined);
  stream.once('close', () => input.destroy());
  return input;
}

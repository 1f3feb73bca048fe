/** One end of a SPDY/3.1 connection over any byte stream: the server's, or the client's, which opens the streams. */
import type { Duplex } from 'node:stream';
import type { TimerHandle, Timers } from '../kernel/index.ts';
import { controlFrame, dataFrame, FrameReader, frameTypes, numbersFrame, resets, type Frame } from './frames.ts';
import { HeaderBlocks } from './header-block.ts';
import { SpdyStream } from './stream.ts';

export interface SpdySessionOptions {
  /** Streams at a time; more are refused. */
  readonly streams: number;
  /** Called for each stream, in order, when it has been accepted. Absent: this is the client's end. */
  readonly onStream?: (stream: SpdyStream) => void;
  readonly timers: Timers;
  /** Without data in either direction for so long, the connection is ended. */
  readonly idleMs: number;
}

/** A connection that is not read says so often that it lives, and so finds out when the client is gone. */
const pingPeriodMs = 10_000;
const idleChecks = 4;
/** What may wait for the network before writers wait. */
const waitingBytes = 256 * 1024;

/** Frames may wait for the client so long as the connection takes them; then writers wait. */
export class SpdySession {
  /** Resolves when the connection is over. Never rejects. */
  readonly closed: Promise<void>;
  readonly #connection: Duplex;
  readonly #options: SpdySessionOptions;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #headers = new HeaderBlocks();
  readonly #replies = new Map<number, () => void>();
  #lastStream = 0;
  #opening: Promise<unknown> = Promise.resolve();
  #drained: Promise<void> | undefined;
  readonly #timers: TimerHandle[];
  #active = false;
  #quietChecks = 0;
  #blocked = false;
  #pings = 0;

  constructor(connection: Duplex, options: SpdySessionOptions) {
    this.#connection = connection;
    this.#options = options;
    connection.on('error', () => undefined);
    connection.once('close', () => this.#breakOff());
    const { timers, idleMs } = options;
    this.#timers = [
      timers.every(pingPeriodMs, () => this.#showLife()),
      timers.every(Math.max(1, Math.ceil(idleMs / idleChecks)), () => this.#checkIdle()),
    ];
    this.closed = this.#run();
  }

  /** Ends the connection after what has been written. */
  end(): void {
    if (this.#connection.destroyed || this.#connection.writableEnded) return;
    this.#connection.end(numbersFrame(frameTypes.goAway, [this.#lastStream, 0]));
  }

  destroy(): void {
    this.#connection.destroy();
  }

  /** For clients: a new stream, once the server has accepted it. @throws Error when it does not, or goes */
  async open(headers: ReadonlyMap<string, string>): Promise<SpdyStream> {
    // One after another: numbers must rise, and header blocks depend on those before.
    const opened = this.#opening.then(() => this.#synStream(headers));
    this.#opening = opened.catch(() => undefined);
    const { stream, accepted } = await opened;
    await accepted;
    if (stream.destroyed) throw new Error('the server refused a stream, or closed the connection');
    return stream;
  }

  /** Resolves when more may be written. */
  async send(frame: Buffer): Promise<void> {
    if (this.#connection.destroyed || this.#connection.writableEnded) throw new Error('the connection is closed');
    if (this.#connection.write(frame) || this.#connection.writableLength < waitingBytes) return;
    this.#drained ??= new Promise((resolve) => {
      const settle = (): void => {
        this.#connection.off('drain', settle).off('close', settle);
        this.#drained = undefined;
        resolve();
      };
      this.#connection.on('drain', settle).on('close', settle);
    });
    await this.#drained;
  }

  /** For streams: they are done in both directions. */
  forget(id: number): void {
    this.#streams.delete(id);
  }

  async #run(): Promise<void> {
    const reader = new FrameReader();
    try {
      for await (const chunk of this.#connection as AsyncIterable<Buffer>) {
        for (const frame of reader.add(chunk)) await this.#receive(frame);
      }
    } catch {
      // What is no SPDY, and connections that break, end it alike.
    } finally {
      this.#connection.destroy();
      this.#headers.end();
      for (const timer of this.#timers) timer.cancel();
      this.#breakOff();
    }
  }

  #breakOff(): void {
    for (const stream of this.#streams.values()) stream.breakOff();
    this.#streams.clear();
    for (const settle of this.#replies.values()) settle();
    this.#replies.clear();
  }

  async #synStream(headers: ReadonlyMap<string, string>): Promise<{ stream: SpdyStream; accepted: Promise<void> }> {
    if (this.#options.onStream !== undefined) throw new Error('only clients open streams');
    if (this.#streams.size >= this.#options.streams) throw new Error('this connection has too many streams');
    const id = this.#lastStream === 0 ? 1 : this.#lastStream + 2;
    this.#lastStream = id;
    const block = await this.#headers.encode(headers);
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    const accepted = new Promise<void>((resolve) => this.#replies.set(id, resolve));
    // The second number is the stream it belongs to, then come two bytes of priority and slot.
    await this.send(numbersFrame(frameTypes.synStream, [id, 0], Buffer.concat([Buffer.alloc(2), block])));
    return { stream, accepted };
  }

  #replied(id: number): void {
    this.#replies.get(id)?.();
    this.#replies.delete(id);
  }

  #showLife(): void {
    if (!this.#blocked) return;
    this.#pings += 1;
    // Servers count their pings in even numbers, clients in odd ones.
    const number = this.#pings * 2 + (this.#options.onStream === undefined ? 1 : 0);
    this.send(numbersFrame(frameTypes.ping, [number])).catch(() => undefined);
  }

  #checkIdle(): void {
    this.#quietChecks = this.#active ? 0 : this.#quietChecks + 1;
    this.#active = false;
    if (this.#quietChecks >= idleChecks) this.destroy();
  }

  async #receive(frame: Frame): Promise<void> {
    if (frame.kind === 'data') {
      this.#active = true;
      this.#blocked = true;
      // Waits when the stream's reader does: its client then waits too, with all its streams. SPDY clients know no windows.
      await this.#streams.get(frame.stream)?.receive(frame.data, frame.fin);
      this.#blocked = false;
      return;
    }
    switch (frame.type) {
      case frameTypes.synStream:
        return this.#open(frame.body, frame.fin);
      case frameTypes.rstStream:
        this.#streams.get(numberAt(frame.body, 0))?.breakOff();
        this.#replied(numberAt(frame.body, 0));
        return;
      case frameTypes.synReply:
        await this.#headers.decode(frame.body.subarray(4));
        this.#replied(numberAt(frame.body, 0));
        return;
      case frameTypes.ping:
        if ((numberAt(frame.body, 0) % 2 === 1) === (this.#options.onStream !== undefined))
          await this.send(controlFrame(frameTypes.ping, 0, frame.body));
        return;
      case frameTypes.headers:
        // The block is read even so: later ones depend on it.
        await this.#headers.decode(frame.body.subarray(4));
        return;
      default:
      // Settings and windows say nothing that matters here; GOAWAY is followed by the end.
    }
  }

  async #open(body: Buffer, fin: boolean): Promise<void> {
    const { onStream } = this.#options;
    const id = numberAt(body, 0);
    const headers = await this.#headers.decode(body.subarray(10));
    if (onStream === undefined) throw new Error('servers open no streams');
    if (id % 2 === 0 || id <= this.#lastStream) throw new Error('a stream has a number it may not have');
    this.#lastStream = id;
    if (this.#streams.size >= this.#options.streams) {
      await this.send(numbersFrame(frameTypes.rstStream, [id, resets.refusedStream]));
      return;
    }
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    await this.send(numbersFrame(frameTypes.synReply, [id], await this.#headers.encode(new Map())));
    onStream(stream);
    if (fin) await stream.receive(Buffer.alloc(0), true);
  }

  /** For streams. */
  sendData(id: number, data: Buffer, fin: boolean): Promise<void> {
    this.#active = true;
    return this.send(dataFrame(id, data, fin));
  }

  /** For streams: the client shall not send more. */
  reset(id: number): void {
    this.send(numbersFrame(frameTypes.rstStream, [id, resets.cancel])).catch(() => undefined);
  }
}

function numberAt(body: Buffer, at: number): number {
  if (body.length < at + 4) throw new Error('a frame ends too early');
  return body.readUInt32BE(at) & 0x7f_ff_ff_ff;
}

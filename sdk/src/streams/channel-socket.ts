import { Duplex, Readable, Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { TimerHandle, Timers } from '../kernel/index.ts';
import { channels, type ChannelProtocol } from './channel-protocol.ts';

/** How a connection ended, by the codes of RFC 6455. 1000: as it should. */
export interface ChannelClose {
  readonly code: number;
  readonly reason: string;
}

export interface ChannelOptions {
  readonly protocol: Pick<ChannelProtocol, 'base64' | 'closes'>;
  readonly timers: Timers;
  /** Without a byte in either direction for so long, the connection is ended. */
  readonly idleMs: number;
  /** Whether the end of a writable channel is told to the other side. Clients do, servers do not: the connection ends instead. */
  readonly tellsEnds: boolean;
}

/** What may wait in one channel and direction; then the whole connection is paused, or the writer waits. */
const bufferBytes = 64 * 1024;
const chunkBytes = 256 * 1024;
/** What may wait for the network in one connection before its writers wait. */
const waitingBytes = 256 * 1024;
/** The other side hears from a paused connection so often: kubectl gives up after 60 s without a sign of life. */
const pongPeriodMs = 10_000;
const idleChecks = 4;

/**
 * Streams over one WebSocket. A reader that does not read pauses the socket, with all channels: what is buffered stays bounded.
 * Messages of channels that nobody opened are dropped.
 */
export class ChannelSocket {
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<ChannelClose>;
  readonly #socket: WebSocket;
  readonly #options: ChannelOptions;
  readonly #readers = new Map<number, Readable>();
  readonly #blocked = new Set<number>();
  /** Channels that the other side has ended: what comes later is dropped. */
  readonly #ended = new Set<number>();
  readonly #timers: TimerHandle[];
  #active = false;
  #quietChecks = 0;
  #closing = false;

  constructor(socket: WebSocket, options: ChannelOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary));
    // `close` follows.
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        this.#end(code);
        resolve({ code, reason: reason.toString('utf8') });
      });
    });
    const { timers, idleMs } = options;
    this.#timers = [
      timers.every(pongPeriodMs, () => this.#showLife()),
      timers.every(Math.max(1, Math.ceil(idleMs / idleChecks)), () => this.#checkIdle()),
    ];
  }

  /** What the other side sends in a channel. To be opened before the first message can come. */
  readable(channel: number): Readable {
    const reader = new Readable({
      highWaterMark: bufferBytes,
      read: () => this.#unblock(channel),
      destroy: (error, done) => {
        this.#unblock(channel);
        done(error);
      },
    });
    reader.on('error', () => undefined);
    this.#readers.set(channel, reader);
    return reader;
  }

  /** What this side sends in a channel. */
  writable(channel: number): Writable {
    const writer = new Writable({
      highWaterMark: bufferBytes,
      write: (chunk: Buffer, _encoding, done) => this.#send(channel, chunk, done),
      final: (done) => {
        if (this.#options.tellsEnds && this.#options.protocol.closes) {
          this.#send(channels.close, Buffer.from([channel]), () => done());
        } else done();
      },
    });
    writer.on('error', () => undefined);
    void this.closed.then(() => writer.destroy());
    return writer;
  }

  /** Both directions of a channel, for protocols whose both sides tell ends. A connection that goes before its end breaks it off. */
  duplex(channel: number): Duplex {
    const both = new Duplex({
      readableHighWaterMark: bufferBytes,
      writableHighWaterMark: bufferBytes,
      allowHalfOpen: true,
      read: () => this.#unblock(channel),
      write: (chunk: Buffer, _encoding, done) => this.#send(channel, chunk, done),
      final: (done) => this.#send(channels.close, Buffer.from([channel]), done),
      destroy: (error, done) => {
        this.#unblock(channel);
        done(error);
      },
    });
    both.on('error', () => undefined);
    this.#readers.set(channel, both);
    void this.closed.then(() => both.destroy());
    return both;
  }

  /** Ends the connection after what has been written. */
  close(code = 1000, reason = ''): void {
    this.#closing = true;
    // The answer to the close must get through.
    this.#socket.resume();
    this.#socket.close(code, reason);
  }

  /** Breaks it off. */
  terminate(): void {
    this.#socket.terminate();
  }

  #send(channel: number, chunk: Buffer, done: (error?: Error | null) => void): void {
    this.#active = true;
    if (this.#socket.readyState !== this.#socket.OPEN) {
      done(new Error('the connection is closed'));
      return;
    }
    const first = chunk.length > chunkBytes ? chunk.subarray(0, chunkBytes) : chunk;
    let settled = false;
    const next = (error?: Error | null): void => {
      if (settled) return;
      settled = true;
      if (error !== undefined && error !== null) done(error);
      else if (first.length < chunk.length) this.#send(channel, chunk.subarray(first.length), done);
      else done();
    };
    this.#socket.send(this.#message(channel, first), next);
    // Some messages may be on their way at once: one for each turn of the event loop would be slow.
    if (this.#socket.bufferedAmount < waitingBytes) next();
  }

  #message(channel: number, chunk: Buffer): Buffer | string {
    if (this.#options.protocol.base64) return `${channel}${chunk.toString('base64')}`;
    const message = Buffer.allocUnsafe(chunk.length + 1);
    message[0] = channel;
    chunk.copy(message, 1);
    return message;
  }

  #receive(data: Buffer, isBinary: boolean): void {
    this.#active = true;
    if (this.#closing || data.length === 0) return;
    const text = this.#options.protocol.base64 && !isBinary;
    const channel = text ? (data[0] ?? 0) - 0x30 : (data[0] ?? 0);
    const chunk = text ? Buffer.from(data.toString('latin1', 1), 'base64') : data.subarray(1);
    if (channel === channels.close && this.#options.protocol.closes) {
      this.#endReader(chunk[0] ?? -1);
      return;
    }
    const reader = this.#readers.get(channel);
    if (reader === undefined || reader.destroyed || this.#ended.has(channel) || chunk.length === 0) return;
    if (reader.push(chunk)) return;
    this.#blocked.add(channel);
    this.#socket.pause();
  }

  #endReader(channel: number): void {
    const reader = this.#readers.get(channel);
    if (reader === undefined || reader.destroyed || this.#ended.has(channel)) return;
    this.#ended.add(channel);
    reader.push(null);
  }

  #unblock(channel: number): void {
    if (this.#blocked.delete(channel) && this.#blocked.size === 0) this.#socket.resume();
  }

  /** A socket that is paused does not answer pings; this also finds out that the other side is gone. */
  #showLife(): void {
    if (this.#socket.isPaused && this.#socket.readyState === this.#socket.OPEN) {
      this.#socket.pong('', undefined, () => undefined);
    }
  }

  #checkIdle(): void {
    this.#quietChecks = this.#active ? 0 : this.#quietChecks + 1;
    this.#active = false;
    if (this.#quietChecks >= idleChecks) this.close(1001, `nothing was sent for ${this.#options.idleMs} ms`);
  }

  #end(code: number): void {
    for (const timer of this.#timers) timer.cancel();
    const clean = code === 1000 || code === 1001 || code === 1005;
    for (const [channel, reader] of this.#readers) {
      if (this.#ended.has(channel) || reader.destroyed) continue;
      if (clean && !('writable' in reader)) this.#endReader(channel);
      else reader.destroy(new Error(`the connection broke off (${code})`));
    }
  }
}

/** One TLS connection whose other end has shown a certificate of a member. */
import type { TLSSocket } from 'node:tls';
import type { Env, TimerHandle } from '@timonel/sdk';
import type { MemberId } from '../raft/index.ts';
import { FrameReader, frameKind, frameOf, type Frame } from './frames.ts';
import { encodeHello, helloProblem, type Hello } from './hello.ts';
import { wireLimits, type TransportLimits } from './limits.ts';
import { Outbox, type QueueUse } from './outbox.ts';
import { socketReason } from './socket-reason.ts';

export type Direction = 'outgoing' | 'incoming';

export interface ConnectionOptions {
  readonly env: Env;
  readonly limits: TransportLimits;
  readonly socket: TLSSocket;
  readonly direction: Direction;
  readonly own: Hello;
  /** Whom the certificate names. */
  readonly peerId: MemberId;
  /** What waits for this peer, over all its connections. */
  readonly use: QueueUse;
  readonly onOpen: () => void;
  /** A frame after the greeting that is no ping. Returns what is wrong with it, if anything. */
  readonly onFrame: (frame: Frame) => string | undefined;
  readonly onClose: (reason: string) => void;
}

const ping = frameOf(frameKind.ping, new Uint8Array(0));
const ticksOfSilence = 4;
const lingerMs = 500;

export class Connection {
  readonly peerId: MemberId;
  readonly direction: Direction;
  readonly #options: ConnectionOptions;
  readonly #reader: FrameReader = new FrameReader(wireLimits.helloBytes);
  readonly #outbox: Outbox;
  readonly #greetingDeadline: TimerHandle;
  #ticker: TimerHandle | undefined;
  #state: 'greeting' | 'open' | 'closed' = 'greeting';
  #flushScheduled = false;
  #quietTicks = 0;
  #spoke = false;
  #finishing = false;
  #wasOpen = false;

  constructor(options: ConnectionOptions) {
    const { socket, limits, env } = options;
    this.#options = options;
    this.peerId = options.peerId;
    this.direction = options.direction;
    this.#outbox = new Outbox({ use: options.use, limits, write: (bytes, done) => this.#write(bytes, done) });
    this.#greetingDeadline = env.timers.after(limits.handshakeMs, () =>
      this.close(`it sent no greeting within ${limits.handshakeMs} ms`),
    );
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('drain', () => this.#outbox.resume());
    socket.on('error', (error) => this.close(socketReason(error)));
    socket.once('close', () => this.close('it closed the connection'));
    socket.write(encodeHello(options.own));
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  /** Greetings had been exchanged before it closed. */
  get wasOpen(): boolean {
    return this.#wasOpen;
  }

  /** False: dropped. All frames of one turn of the event loop leave together. */
  send(frame: Buffer, bulk = false): boolean {
    if (this.#state !== 'open' || this.#finishing || !this.#outbox.add(frame, bulk)) return false;
    this.#spoke = true;
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      setImmediate(() => {
        this.#flushScheduled = false;
        this.#outbox.flush();
      });
    }
    return true;
  }

  close(reason: string): void {
    if (this.#state === 'closed') return;
    this.#options.socket.destroy();
    this.#closed(reason);
  }

  #closed(reason: string): void {
    this.#state = 'closed';
    this.#greetingDeadline.cancel();
    this.#ticker?.cancel();
    this.#outbox.close();
    this.#options.onClose(reason);
  }

  /** Sends what is queued, then says goodbye: closed when the other side has answered. */
  finish(): void {
    this.#finishing = true;
    this.#outbox.flush();
    this.#endWhenSent();
  }

  #endWhenSent(): void {
    if (this.#finishing && this.#outbox.idle) this.#options.socket.end();
  }

  #write(bytes: Buffer, done: () => void): boolean {
    return this.#options.socket.write(bytes, () => {
      done();
      this.#endWhenSent();
    });
  }

  #onData(chunk: Buffer): void {
    if (this.#state === 'closed') return;
    this.#quietTicks = 0;
    const problem = this.#reader.push(chunk, (frame) => this.#onFrame(frame));
    if (problem !== undefined) this.close(`it broke the protocol: ${problem}`);
  }

  /** False: no more frames are wanted. */
  #onFrame(frame: Frame): boolean {
    if (this.#state === 'greeting') this.#greet(frame);
    else if (frame.kind === frameKind.ping) {
      if (frame.payload.length > 0) this.close('it broke the protocol: a ping carries something');
    } else {
      const problem = this.#options.onFrame(frame);
      if (problem !== undefined) this.close(`it broke the protocol: ${problem}`);
    }
    return this.#state === 'open';
  }

  #greet(frame: Frame): void {
    const { own, peerId, limits, env } = this.#options;
    const problem = helloProblem(frame, own, peerId);
    if (problem !== undefined) {
      // Our own greeting shall arrive, so that the other side learns the same: a socket destroyed now may take it back.
      const { socket } = this.#options;
      socket.end();
      const linger = env.timers.after(lingerMs, () => socket.destroy());
      socket.once('close', () => linger.cancel());
      this.#closed(problem);
      return;
    }
    this.#state = 'open';
    this.#wasOpen = true;
    this.#reader.maxBytes = limits.frameBytes;
    this.#greetingDeadline.cancel();
    this.#ticker = env.timers.every(limits.silenceMs / ticksOfSilence, () => this.#tick());
    this.#options.onOpen();
  }

  // Counts ticks, not time: after a pause of this process the other side is heard before it is judged.
  #tick(): void {
    this.#quietTicks++;
    if (this.#quietTicks >= ticksOfSilence) {
      this.close(`nothing came from it for ${this.#options.limits.silenceMs} ms`);
      return;
    }
    if (!this.#spoke && this.#outbox.idle) this.send(ping);
    this.#spoke = false;
  }
}

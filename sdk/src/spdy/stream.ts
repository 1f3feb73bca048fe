/** One stream of a SPDY connection: both directions end on their own. */
import { Duplex } from 'node:stream';

/** What a stream needs of its connection. */
export interface StreamCarrier {
  sendData(id: number, data: Buffer, fin: boolean): Promise<void>;
  reset(id: number): void;
  forget(id: number): void;
}

const bufferBytes = 256 * 1024;
/** What kubectl takes at once without trouble. */
const chunkBytes = 32 * 1024;

async function settle(work: Promise<void>, done: (error?: Error | null) => void): Promise<void> {
  let failure: Error | null = null;
  try {
    await work;
  } catch (error) {
    failure = error as Error;
  }
  done(failure);
}

export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly #carrier: StreamCarrier;
  #room: (() => void) | undefined;
  #received = false;
  #sent = false;
  #broken = false;

  constructor(carrier: StreamCarrier, id: number, headers: ReadonlyMap<string, string>) {
    super({ readableHighWaterMark: bufferBytes, writableHighWaterMark: bufferBytes, allowHalfOpen: true });
    this.#carrier = carrier;
    this.id = id;
    this.headers = headers;
    this.on('error', () => undefined);
  }

  /** Data from the client. Resolves when more may come. */
  async receive(data: Buffer, fin: boolean): Promise<void> {
    if (this.#received) return;
    const full = data.length > 0 && !this.destroyed && !this.push(data);
    if (fin) {
      this.#received = true;
      if (!this.destroyed) this.push(null);
    } else if (full) await new Promise<void>((resolve) => (this.#room = resolve));
  }

  /** The client has reset the stream, or the connection is gone. */
  breakOff(): void {
    this.#broken = true;
    this.destroy();
  }

  override _read(): void {
    this.#makeRoom();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    void settle(this.#sendAll(chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sent = true;
    void settle(this.#carrier.sendData(this.id, Buffer.alloc(0), true), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#makeRoom();
    this.#carrier.forget(this.id);
    // An end that both sides know of needs no word.
    if (!this.#broken && !(this.#received && this.#sent)) this.#carrier.reset(this.id);
    done(error);
  }

  #makeRoom(): void {
    const room = this.#room;
    this.#room = undefined;
    room?.();
  }

  async #sendAll(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; at += chunkBytes) {
      await this.#carrier.sendData(this.id, chunk.subarray(at, at + chunkBytes), false);
    }
  }
}

/** What waits to be sent over one connection. */

/** Shared by all connections to one peer. */
export interface QueueUse {
  bytes: number;
  messages: number;
}

export interface OutboxOptions {
  readonly use: QueueUse;
  readonly limits: { readonly queueBytes: number; readonly queueMessages: number; readonly writeBytes: number };
  /** False: the socket holds enough; `resume` is called when it took all. `done`: these bytes have left. */
  readonly write: (bytes: Buffer, done: () => void) => boolean;
}

/**
 * Frames in order, but for bulk (pieces of snapshots): one of those is written only when nothing else waits and the socket is
 * empty, so that a heartbeat never waits for more than one. What the socket has not taken yet counts as queued.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #frames: Buffer[] = [];
  #bulk: Buffer[] = [];
  #queuedBytes = 0;
  #queuedMessages = 0;
  #blocked = false;
  #closed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Nothing is queued or on its way into the socket. */
  get idle(): boolean {
    return this.#queuedMessages === 0;
  }

  /** False: full, or closed; the frame is dropped. */
  add(frame: Buffer, bulk: boolean): boolean {
    const { use, limits } = this.#options;
    if (this.#closed) return false;
    if (use.messages >= limits.queueMessages || use.bytes + frame.length > limits.queueBytes) return false;
    this.#count(frame.length, 1);
    (bulk ? this.#bulk : this.#frames).push(frame);
    return true;
  }

  /** Writes what the socket takes. */
  flush(): void {
    while (!this.#blocked && !this.#closed) {
      if (this.#frames.length > 0) this.#write(this.#takeBatch());
      else if (this.#bulk.length > 0) this.#write(this.#bulk.splice(0, 1));
      else return;
    }
  }

  /** The socket is empty again. */
  resume(): void {
    this.#blocked = false;
    this.flush();
  }

  /** Drops everything. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#frames = [];
    this.#bulk = [];
    this.#count(-this.#queuedBytes, -this.#queuedMessages);
  }

  #takeBatch(): readonly Buffer[] {
    const { writeBytes } = this.#options.limits;
    let bytes = 0;
    let count = 0;
    for (const frame of this.#frames) {
      if (count > 0 && bytes + frame.length > writeBytes) break;
      bytes += frame.length;
      count++;
    }
    return this.#frames.splice(0, count);
  }

  #write(batch: readonly Buffer[]): void {
    const bytes = batch.length === 1 ? (batch[0] as Buffer) : Buffer.concat(batch);
    const more = this.#options.write(bytes, () => {
      if (!this.#closed) this.#count(-bytes.length, -batch.length);
    });
    if (!more) this.#blocked = true;
  }

  #count(bytes: number, messages: number): void {
    const { use } = this.#options;
    this.#queuedBytes += bytes;
    this.#queuedMessages += messages;
    use.bytes += bytes;
    use.messages += messages;
  }
}

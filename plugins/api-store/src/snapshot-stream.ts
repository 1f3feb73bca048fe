import type { Env } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';
import { busy, storeFailure } from './store-failure.ts';

export interface SnapshotLimits {
  /** Snapshots that are read at the same time. */
  readonly concurrent: number;
  /** A client that takes nothing for so long is cut off: a snapshot keeps the store from using old space again. */
  readonly stallMs: number;
}

/** Hands snapshots out, a few at a time. */
export class SnapshotStreams {
  readonly #env: Env;
  readonly #limits: SnapshotLimits;
  #running = 0;

  constructor(env: Env, limits: SnapshotLimits) {
    this.#env = env;
    this.#limits = limits;
  }

  /** Ends without an error only when all has been handed out. @throws ApiError TooManyRequests, with the first step */
  async *of(snapshot: () => AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    if (this.#running >= this.#limits.concurrent) {
      throw busy(`${this.#running} snapshots are being taken already`);
    }
    this.#running += 1;
    try {
      yield* this.#pieces(snapshot()[Symbol.asyncIterator]());
    } catch (error) {
      throw storeFailure(error);
    } finally {
      this.#running -= 1;
    }
  }

  async *#pieces(source: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { stallMs } = this.#limits;
    let stalled = false;
    try {
      for (let next = await source.next(); next.done !== true; next = await source.next()) {
        const timer = this.#env.timers.after(stallMs, () => {
          stalled = true;
          // The store lets go of it, although nobody asks for the next piece.
          source.return?.().catch(() => undefined);
        });
        try {
          yield next.value;
        } finally {
          timer.cancel();
        }
        if (stalled) throw new StoreError('UNAVAILABLE', `nothing of the snapshot was taken for ${stallMs} ms`);
      }
    } finally {
      await source.return?.();
    }
  }
}

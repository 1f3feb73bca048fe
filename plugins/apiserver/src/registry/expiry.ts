/**
 * Objects that go by themselves some time after their last write: events. They hang on leases of the store; objects that were
 * written about the same time share one, so that there are few.
 */
import type { Clock } from '@timonel/sdk';
import type { Store } from '@timonel/sdk/contracts/store';

/** A lease is given to writes for this part of its life: so much longer than it must an object live at most. */
const sharedPart = 1 / 60;

export interface ExpiryParts {
  readonly store: Store;
  readonly clock: Clock;
  /** 0: nothing goes by itself. */
  readonly ttlMs: number;
}

export class Expiry {
  readonly #parts: ExpiryParts;
  #lease: Promise<number> | undefined;
  /** What became of it; undefined while it is being granted. */
  #id: number | undefined;
  #grantedAt = 0;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
  }

  /** The lease for a write at this moment; undefined: the object stays. */
  async lease(): Promise<number | undefined> {
    const { clock, ttlMs } = this.#parts;
    if (ttlMs === 0) return undefined;
    if (this.#lease === undefined || clock.monotonic() - this.#grantedAt > ttlMs * sharedPart) {
      this.#grantedAt = clock.monotonic();
      this.#id = undefined;
      const granted = this.#grant();
      this.#lease = granted;
      granted.then(
        (id) => this.#settle(granted, id),
        () => this.#settle(granted, undefined),
      );
    }
    return this.#lease;
  }

  /** The store does not know this lease any more. Whoever got it may say so, also after there is another one. */
  forget(id: number): void {
    if (this.#id === id) this.#lease = undefined;
  }

  /** `id` undefined: it was not granted. */
  #settle(granted: Promise<number>, id: number | undefined): void {
    if (this.#lease !== granted) return;
    this.#id = id;
    if (id === undefined) this.#lease = undefined;
  }

  async #grant(): Promise<number> {
    const { store, ttlMs } = this.#parts;
    return (await store.grantLease(Math.ceil(ttlMs * (1 + sharedPart)))).id;
  }
}

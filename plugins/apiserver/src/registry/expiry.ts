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
      this.#lease = this.#grant();
    }
    return this.#lease;
  }

  /** The store does not know the lease any more. */
  forget(): void {
    this.#lease = undefined;
  }

  async #grant(): Promise<number> {
    const { store, ttlMs } = this.#parts;
    try {
      return (await store.grantLease(Math.ceil(ttlMs * (1 + sharedPart)))).id;
    } catch (error) {
      this.#lease = undefined;
      throw error;
    }
  }
}

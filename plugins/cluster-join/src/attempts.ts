/** Bounds how often one address may try to join: a fixed window for each address, and a bounded number of windows. */
import type { Clock } from '@timonel/sdk';
import { ApiError } from '@timonel/sdk/kube';

const windowMs = 60_000;
const addressLimit = 4096;

export class Attempts {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #windows = new Map<string, { readonly since: number; count: number }>();

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** @throws ApiError TooManyRequests */
  count(address: string): void {
    const now = this.#clock.monotonic();
    const found = this.#windows.get(address);
    if (found === undefined || now - found.since >= windowMs) {
      this.#windows.delete(address);
      this.#windows.set(address, { since: now, count: 1 });
      // The map is in the order of the windows' begin: the oldest goes.
      for (const oldest of this.#windows.keys()) {
        if (this.#windows.size <= addressLimit) break;
        this.#windows.delete(oldest);
      }
      return;
    }
    found.count += 1;
    if (found.count <= this.#limit) return;
    const retryAfterSeconds = Math.max(1, Math.ceil((found.since + windowMs - now) / 1000));
    throw new ApiError('TooManyRequests', `too many attempts to join: try again in ${retryAfterSeconds} s`, {
      retryAfterSeconds,
    });
  }
}

import type { Env } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';

interface Waiter {
  readonly done: () => boolean;
  resolve(): void;
  reject(error: unknown): void;
}

/** Those who wait until something is true of the group. */
export class Waiters {
  readonly #env: Env;
  readonly #timeoutMs: number;
  readonly #waiting = new Set<Waiter>();

  constructor(env: Env, timeoutMs: number) {
    this.#env = env;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws StoreError UNAVAILABLE after the time-out; what `fail` was called with */
  until(done: () => boolean, trouble: () => string, timeoutMs: number = this.#timeoutMs): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (then: () => void): void => {
        this.#waiting.delete(waiter);
        timer.cancel();
        then();
      };
      const waiter: Waiter = { done, resolve: () => end(resolve), reject: (error) => end(() => reject(error)) };
      const timer = this.#env.timers.after(timeoutMs, () => waiter.reject(new StoreError('UNAVAILABLE', trouble())));
      this.#waiting.add(waiter);
    });
  }

  /** Something may have become true. */
  wake(): void {
    for (const waiter of this.#waiting) if (waiter.done()) waiter.resolve();
  }

  /** Nothing of it will come true any more. */
  fail(error: StoreError): void {
    for (const waiter of this.#waiting) waiter.reject(error);
  }
}

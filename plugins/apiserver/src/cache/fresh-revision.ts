/** Asks the store for its revision, once for all reads that wait at the moment. */
import type { Env } from '@timonel/sdk';
import type { Store } from '@timonel/sdk/contracts/store';
import { storeUnavailable } from '../registry/api-errors.ts';

export class FreshRevision {
  readonly #store: Store;
  readonly #env: Env;
  readonly #timeoutMs: number;
  #running: Promise<number> | undefined;
  #next: Promise<number> | undefined;

  constructor(store: Store, env: Env, timeoutMs: number) {
    this.#store = store;
    this.#env = env;
    this.#timeoutMs = timeoutMs;
  }

  /** A read may not use a question that was asked before it, but it can share the next one. @throws ApiError ServiceUnavailable */
  get(): Promise<number> {
    if (this.#running === undefined) return this.#ask();
    this.#next ??= this.#running.then(
      () => this.#ask(),
      () => this.#ask(),
    );
    return this.#next;
  }

  #ask(): Promise<number> {
    this.#next = undefined;
    const asked = this.#inTime(this.#store.barrier()).finally(() => {
      if (this.#running === asked) this.#running = undefined;
    });
    this.#running = asked;
    return asked;
  }

  #inTime(barrier: Promise<number>): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = this.#env.timers.after(this.#timeoutMs, () => {
        reject(storeUnavailable(`the store did not answer within ${this.#timeoutMs} ms; please try again`));
      });
      barrier.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}

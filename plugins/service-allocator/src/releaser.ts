/** Releases the claims of values that services hold no more, one after the other. */
import { errorMessage, type Logger } from '@timonel/sdk';
import type { ClaimStore } from './claim-store.ts';
import type { ValueName } from './held-values.ts';
import type { ReleasedValues } from './released-values.ts';

/** What does not fit is released by the repair. */
const waitingLimit = 10_000;

export class Releaser {
  readonly #store: ClaimStore;
  readonly #released: ReleasedValues;
  readonly #log: Logger;
  readonly #waiting: ValueName[] = [];
  #running: Promise<void> | undefined;

  constructor(store: ClaimStore, released: ReleasedValues, log: Logger) {
    this.#store = store;
    this.#released = released;
    this.#log = log;
  }

  add(name: ValueName): void {
    if (this.#waiting.length >= waitingLimit) return;
    this.#waiting.push(name);
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
  }

  async stop(): Promise<void> {
    this.#waiting.length = 0;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let name = this.#waiting.shift(); name !== undefined; name = this.#waiting.shift()) {
      try {
        const claim = await this.#store.get(name);
        if (claim !== undefined && this.#released.isLeftOver(claim)) await this.#store.release(claim);
      } catch (error) {
        this.#log.debug({ value: name, error: errorMessage(error) }, 'the repair will release it');
      }
    }
  }
}

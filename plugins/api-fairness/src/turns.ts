/**
 * Turns of the event loop. Requests that only compute are never at work at the same time: what has come in at once would all be answered
 * before the loop looks for more, so that a quiet client waits for all of a noisy one's. Only so much is begun in one turn, therefore; the
 * rest waits in the queues, and whose turn it is gets decided anew after the loop has looked.
 */
export interface TurnsOptions {
  /** Ms, from any beginning. */
  readonly now: () => number;
  /** Calls when the event loop has looked for what has come in. */
  readonly nextTurn: (fn: () => void) => void;
  /** Work of one turn, ms; what was begun is finished. */
  readonly budgetMs: number;
  /** A turn begins. False: nothing waits that could be let in now. */
  readonly serve: () => boolean;
}

export class Turns {
  readonly #options: TurnsOptions;
  #startedAt = 0;
  #scheduled = false;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Whether there is time in this turn for one more. */
  hasTime(): boolean {
    const { now, budgetMs } = this.#options;
    if (!this.#scheduled) {
      this.#begin();
      return true;
    }
    return now() - this.#startedAt < budgetMs;
  }

  /** Somebody who waits may be let in. */
  wake(): void {
    if (!this.#scheduled) this.#begin();
  }

  #begin(): void {
    this.#startedAt = this.#options.now();
    this.#scheduled = true;
    this.#options.nextTurn(() => {
      this.#scheduled = false;
      if (this.#options.serve() && !this.#scheduled) this.#begin();
    });
  }
}

/** A share of the time. What is spent at once must be earned before more is spent. */
export class TimeBudget {
  readonly share: number;
  /** Monotonic ms from which on something may be spent. */
  #freeAt = 0;

  /** `share`: above 0, at most 1. */
  constructor(share: number) {
    this.share = share;
  }

  /** `ms` were spent, up to now. */
  spend(nowMs: number, ms: number): void {
    this.#freeAt = nowMs + ms / this.share - ms;
  }

  readyInMs(nowMs: number): number {
    return Math.max(0, this.#freeAt - nowMs);
  }
}

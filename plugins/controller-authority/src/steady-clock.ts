/** Tells for how long the wall clock has been going evenly: a jump makes an authority look old, or young, that is not. */
import type { Clock } from '@timonel/sdk';

const toleranceMs = 600_000;

export class SteadyClock {
  readonly #clock: Clock;
  #offset: number;
  #since: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
    this.#offset = clock.now() - this.#since;
  }

  /** Ms since the last jump, or since this began. */
  steadyMs(): number {
    const monotonic = this.#clock.monotonic();
    const offset = this.#clock.now() - monotonic;
    if (Math.abs(offset - this.#offset) > toleranceMs) {
      this.#offset = offset;
      this.#since = monotonic;
    }
    return monotonic - this.#since;
  }
}

import type { TimerHandle, Timers } from '@timonel/sdk';

/** The time that is left for the step at hand; one at a time. */
export class Countdown {
  readonly #timers: Timers;
  readonly #expire: (what: string) => void;
  #timer: TimerHandle | undefined;
  #closed = false;

  /** `expire` is told what did not come, and how long it was waited for. */
  constructor(timers: Timers, expire: (what: string) => void) {
    this.#timers = timers;
    this.#expire = expire;
  }

  /** In place of the step before. */
  begin(ms: number, what: string): void {
    this.pause();
    if (!this.#closed) this.#timer = this.#timers.after(ms, () => this.#expire(`${what} within ${ms} ms`));
  }

  pause(): void {
    this.#timer?.cancel();
  }

  close(): void {
    this.pause();
    this.#closed = true;
  }
}

import type { Scheduler, SimTimer } from './scheduler.ts';

/** A member's own clock: its monotonic time drifts against the true one, its wall clock may jump besides. */
export class MemberClock {
  readonly #scheduler: Scheduler;
  #rate = 1;
  #trueMs = 0;
  #localMs = 0;
  #wallOffsetMs = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
    this.#trueMs = scheduler.nowMs;
  }

  monotonic(): number {
    return this.#localMs + (this.#scheduler.nowMs - this.#trueMs) * this.#rate;
  }

  wall(): number {
    return this.monotonic() + this.#wallOffsetMs;
  }

  /** 1.05: runs 5% fast. Timers already made keep their true time. */
  setRate(rate: number): void {
    this.#localMs = this.monotonic();
    this.#trueMs = this.#scheduler.nowMs;
    this.#rate = rate;
  }

  /** Moves the wall clock only, as NTP or an operator does. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Runs `run` when this clock has gone on by `delayMs`. */
  after(delayMs: number, run: () => void): SimTimer {
    return this.#scheduler.after(delayMs / this.#rate, run);
  }
}

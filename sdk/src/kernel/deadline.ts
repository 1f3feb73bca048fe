import type { Clock, Timers, TimerHandle } from './env.ts';

/** One running deadline. */
export interface Deadline {
  readonly at: number;
  readonly expire: () => void;
}

/**
 * All deadlines of one owner behind one timer, armed for the earliest. Adding and removing one is a Set operation, so
 * that a deadline on every asynchronous call costs next to nothing.
 */
export class DeadlineWatch {
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly open = new Set<Deadline>();
  private timer: TimerHandle | undefined;
  private armedFor = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, timers: Timers) {
    this.clock = clock;
    this.timers = timers;
  }

  add(afterMs: number, expire: () => void): Deadline {
    const deadline: Deadline = { at: this.clock.monotonic() + afterMs, expire };
    this.open.add(deadline);
    if (deadline.at < this.armedFor) this.arm(deadline.at);
    return deadline;
  }

  remove(deadline: Deadline): void {
    this.open.delete(deadline);
  }

  /** Drops everything: no deadline expires any more. */
  close(): void {
    this.open.clear();
    this.timer?.cancel();
    this.armedFor = Number.POSITIVE_INFINITY;
  }

  private arm(at: number): void {
    this.timer?.cancel();
    this.armedFor = at;
    // A timer may fire a fraction of a millisecond early.
    this.timer = this.timers.after(Math.ceil(at - this.clock.monotonic()), () => this.fire());
  }

  private fire(): void {
    const now = this.clock.monotonic();
    this.armedFor = Number.POSITIVE_INFINITY;
    let earliest = Number.POSITIVE_INFINITY;
    const expired: Deadline[] = [];
    for (const deadline of this.open) {
      if (deadline.at <= now) expired.push(deadline);
      else if (deadline.at < earliest) earliest = deadline.at;
    }
    for (const deadline of expired) this.open.delete(deadline);
    if (earliest !== Number.POSITIVE_INFINITY) this.arm(earliest);
    for (const deadline of expired) deadline.expire();
  }
}

/** Awaits `work`, at most `ms`; then rejects with what `timeoutError` makes. The work itself cannot be ended from outside. */
export function withDeadline<T>(
  watch: DeadlineWatch,
  ms: number,
  work: T | PromiseLike<T>,
  timeoutError: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const deadline = watch.add(ms, () => reject(timeoutError()));
    Promise.resolve(work)
      .then(resolve, reject)
      .finally(() => watch.remove(deadline));
  });
}

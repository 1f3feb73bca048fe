import type { Clock } from '@timonel/sdk';

/** Tells who blocked the event loop and how long. */
export type StallListener = (plugin: string, ms: number) => void;

const keptStalls = 16;

/**
 * Knows whose code is on the stack: every border crossing (service call, tap, timer, lifecycle call) sets it. A
 * crossing that held the event loop too long is reported at its end, the innermost one first and without the time of
 * those inside.
 */
export class Activity {
  /** The plugin whose synchronous code runs, when it was entered through a border. */
  current: string | undefined;
  /** The plugin whose code ran last; a suspect for code that runs after an `await`. */
  last: string | undefined;
  /** Who made the innermost service call on the stack. */
  consumer: string | undefined;
  /** Runs a call that is held back under the limit that the code on the stack has (`ctx.within`), when it has one. */
  within: (<T>(fn: () => T) => T) | undefined;
  /** Sum of the reported stalls; the lag watch leaves out what is explained already. */
  reportedMs = 0;
  private readonly clock: Clock;
  private readonly stallMs: number;
  private readonly onStall: StallListener;
  private readonly stalls: { readonly startedAt: number; readonly ms: number }[] = [];

  constructor(clock: Clock, stallMs: number, onStall: StallListener) {
    this.clock = clock;
    this.stallMs = stallMs > 0 ? stallMs : Number.POSITIVE_INFINITY;
    this.onStall = onStall;
  }

  /** Ends a crossing that began at `startedAt` (monotonic) and gives the stack back to `caller`. Returns the time now. */
  leave(plugin: string, caller: string | undefined, startedAt: number): number {
    const now = this.clock.monotonic();
    this.current = caller;
    this.last = caller ?? plugin;
    if (now - startedAt >= this.stallMs) this.stalled(plugin, startedAt, now);
    return now;
  }

  /** Runs `fn` as code of `plugin`. */
  run<T>(plugin: string, fn: () => T): T {
    const caller = this.current;
    // With nobody on the stack, what is here was left by a call that was cut off.
    const within = caller === undefined ? undefined : this.within;
    const startedAt = this.clock.monotonic();
    this.current = plugin;
    try {
      return fn();
    } finally {
      this.within = within;
      this.leave(plugin, caller, startedAt);
    }
  }

  private stalled(plugin: string, startedAt: number, now: number): void {
    let ownMs = now - startedAt;
    for (const inner of this.stalls) if (inner.startedAt >= startedAt) ownMs -= inner.ms;
    if (ownMs < this.stallMs) return;
    this.stalls.push({ startedAt, ms: ownMs });
    if (this.stalls.length > keptStalls) this.stalls.shift();
    this.reportedMs += ownMs;
    this.onStall(plugin, ownMs);
  }
}

import type { Env, Random, TimerHandle } from './env.ts';
import { createClock, createTimers } from './env-parts.ts';
import { createSeededRandom } from './seeded-random.ts';

export interface SimulatedEnvOptions {
  readonly seed: number | string;
  /** The wall clock at the start, ms since the epoch. Default: 2026-01-01T00:00:00Z. */
  readonly startMs?: number;
}

/** An Env whose time moves only when told. The same seed and the same calls give the same run. */
export interface SimulatedEnv extends Env {
  /** Moves time on, timer by timer, and lets all that follows from each timer happen before the next. */
  advance(ms: number): Promise<void>;
  /** Moves time on until `predicate` holds. Rejects when no timer is left, or after `limitMs` (default one hour) of simulated time. */
  runUntil(predicate: () => boolean, limitMs?: number): Promise<void>;
  /** Runs what is due now: timers, promise reactions, immediates. */
  settle(): Promise<void>;
  /** Timers that wait. For leak checks. */
  readonly pendingTimers: number;
}

interface Due {
  at: number;
  readonly fn: () => void;
  readonly periodMs: number | undefined;
  cancelled: boolean;
}

// A promise chain that passes through an immediate needs more than one turn; three quiet ones have proved enough.
const quietTurns = 3;

/** Timers in order of their time; equal times in order of their making. */
class TimerQueue {
  nowMs = 0;
  private readonly queue: Due[] = [];

  get size(): number {
    return this.queue.filter((due) => !due.cancelled).length;
  }

  add(delayMs: number, fn: () => void, periodMs?: number): TimerHandle {
    const due: Due = { at: this.nowMs + Math.max(0, delayMs), fn, periodMs, cancelled: false };
    this.insert(due);
    return {
      cancel: () => {
        due.cancelled = true;
      },
    };
  }

  /** The time of the first live timer. */
  nextAt(): number | undefined {
    while (this.queue[0]?.cancelled) this.queue.shift();
    return this.queue[0]?.at;
  }

  /** Runs the first timer when it is due. */
  runDue(): boolean {
    const at = this.nextAt();
    if (at === undefined || at > this.nowMs) return false;
    const due = this.queue.shift();
    if (due === undefined) return false;
    if (due.periodMs !== undefined) {
      due.at += Math.max(1, due.periodMs);
      this.insert(due);
    }
    due.fn();
    return true;
  }

  private insert(due: Due): void {
    let low = 0;
    let high = this.queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.queue[middle];
      if (other !== undefined && other.at <= due.at) low = middle + 1;
      else high = middle;
    }
    this.queue.splice(low, 0, due);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Makes a simulated Env. See {@link SimulatedEnv}. */
export function createSimulatedEnv(options: SimulatedEnvOptions): SimulatedEnv {
  const startMs = options.startMs ?? Date.UTC(2026, 0, 1);
  const queue = new TimerQueue();
  const after = (delayMs: number, fn: () => void): TimerHandle => queue.add(delayMs, fn);
  const timers = createTimers(after, (periodMs, fn) => queue.add(periodMs, fn, periodMs));
  const clock = createClock(
    () => startMs + Math.floor(queue.nowMs),
    () => queue.nowMs,
  );
  const random: Random = createSeededRandom(options.seed);

  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < quietTurns; quiet++) {
      await nextTurn();
      while (queue.runDue()) {
        quiet = -1;
        await nextTurn();
      }
    }
  };
  const advance = async (ms: number): Promise<void> => {
    const endMs = queue.nowMs + ms;
    await settle();
    for (let at = queue.nextAt(); at !== undefined && at <= endMs; at = queue.nextAt()) {
      queue.nowMs = Math.max(queue.nowMs, at);
      await settle();
    }
    queue.nowMs = endMs;
  };
  const runUntil = async (predicate: () => boolean, limitMs = 3_600_000): Promise<void> => {
    const endMs = queue.nowMs + limitMs;
    await settle();
    while (!predicate()) {
      const at = queue.nextAt();
      if (at === undefined) throw new Error('runUntil: no timer is left and the condition does not hold');
      if (at > endMs) throw new Error(`runUntil: the condition does not hold after ${limitMs} ms of simulated time`);
      queue.nowMs = Math.max(queue.nowMs, at);
      await settle();
    }
  };
  return {
    clock,
    timers,
    random,
    advance,
    runUntil,
    settle,
    get pendingTimers() {
      return queue.size;
    },
  };
}

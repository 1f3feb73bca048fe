import { createSimulatedEnv } from '@timonel/core/env';
import type { Env, TimerHandle } from '@timonel/sdk';

/** An Env whose clock moves only when told, beside real I/O: a delay of 0 passes by itself. */
export interface ManualEnv extends Env {
  /** Moves the clock on and runs what falls due, in order. */
  advance(ms: number): void;
}

interface Due {
  atMs: number;
  readonly fn: () => void;
  readonly periodMs: number | undefined;
}

export function createManualEnv(): ManualEnv {
  const startMs = 1_767_225_600_000;
  let nowMs = 0;
  const timers = new Set<Due>();
  const add = (delayMs: number, fn: () => void, periodMs?: number): TimerHandle => {
    const due: Due = { atMs: nowMs + delayMs, fn, periodMs };
    timers.add(due);
    return { cancel: () => void timers.delete(due) };
  };
  const after = (delayMs: number, fn: () => void): TimerHandle => {
    if (delayMs > 0) return add(delayMs, fn);
    const immediate = setImmediate(fn);
    return { cancel: () => clearImmediate(immediate) };
  };
  return {
    clock: {
      now: () => startMs + nowMs,
      monotonic: () => nowMs,
      timestamp: () => '2026-01-01T00:00:00Z',
      microTimestamp: () => '2026-01-01T00:00:00.000000Z',
    },
    timers: {
      after,
      every: (periodMs, fn) => add(periodMs, fn, periodMs),
      sleep: (delayMs) => new Promise((resolve) => void after(delayMs, resolve)),
    },
    random: createSimulatedEnv({ seed: 1 }).random,
    advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const next = [...timers].filter((due) => due.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        nowMs = Math.max(nowMs, next.atMs);
        if (next.periodMs === undefined) timers.delete(next);
        else next.atMs += next.periodMs;
        next.fn();
      }
      nowMs = untilMs;
    },
  };
}

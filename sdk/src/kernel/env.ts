/**
 * The only door to time and chance. `ctx.env` belongs to one plugin: its timers end with the plugin. Under simulation
 * the same seed gives the same run.
 */
export interface Env {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

export interface Clock {
  /** Wall clock, ms since the Unix epoch. May jump. */
  now(): number;
  /** Never goes back; ms with fraction, from an arbitrary start. For durations and deadlines. */
  monotonic(): number;
  /** The wall clock as RFC 3339 with whole seconds, as metav1.Time is written: `2026-01-02T03:04:05Z`. */
  timestamp(): string;
  /** The wall clock as metav1.MicroTime: `2026-01-02T03:04:05.000000Z`. */
  microTimestamp(): string;
}

/** A running timer. */
export interface TimerHandle {
  cancel(): void;
}

export interface Timers {
  /** Runs `fn` once after `delayMs`. A throw in `fn` is caught and blamed on the plugin. Does not keep the process alive. */
  after(delayMs: number, fn: () => void): TimerHandle;
  /** Runs `fn` every `periodMs`, first after one period. Does not keep the process alive. */
  every(periodMs: number, fn: () => void): TimerHandle;
  /** Resolves after `delayMs`; rejects with the signal's reason (`AbortError`) when `signal` aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** 0 ≤ x < 1. */
  next(): number;
  /** A whole number, 0 ≤ n < `bound`. */
  int(bound: number): number;
  /** Random bytes. From the system's generator in a real env: fit for keys and tokens. */
  bytes(length: number): Uint8Array;
  /** RFC 9562 version 4. */
  uuid(): string;
}

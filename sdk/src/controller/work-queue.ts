/**
 * A queue of keys for level-triggered work, with the discipline of the dirty and the processing set:
 * - fair: keys are handed out in the order in which they came;
 * - stingy: a key that waits is not queued twice;
 * - never twice at once: a key that is added while it is processed waits until `done` and is then handed out again.
 */
import type { Env, TimerHandle } from '../kernel/index.ts';

/** Bounds and back-off of a {@link WorkQueue}. */
export interface WorkQueueOptions {
  /** First delay of `addRateLimited`; doubles with each failure of the key. Default 5 ms. */
  readonly retryBaseMs?: number;
  /** The longest delay of `addRateLimited`. Default 60,000 ms. */
  readonly retryLimitMs?: number;
  /**
   * The most keys that may wait (queued or delayed). Default 100,000. At the bound a new key is refused: `add` answers false,
   * and once the queue has run empty `onOverflowEnd` is called, which must add all keys again.
   */
  readonly keyLimit?: number;
  readonly onOverflowEnd?: () => void;
}

interface Delayed {
  readonly dueMs: number;
  readonly timer: TimerHandle;
}

/** See the head of this file. */
export class WorkQueue {
  readonly #env: Env;
  readonly #options: Required<Omit<WorkQueueOptions, 'onOverflowEnd'>>;
  readonly #onOverflowEnd: (() => void) | undefined;
  /** Keys that need work; those that are not being processed are in this order. */
  readonly #dirty = new Set<string>();
  readonly #processing = new Set<string>();
  /** Dirty and not processing: ready to be handed out. */
  readonly #ready = new Set<string>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #idle: (() => void)[] = [];
  #overflowed = false;
  #shutDown = false;
  #adds = 0;

  constructor(env: Env, options: WorkQueueOptions = {}) {
    this.#env = env;
    this.#options = {
      retryBaseMs: options.retryBaseMs ?? 5,
      retryLimitMs: options.retryLimitMs ?? 60_000,
      keyLimit: options.keyLimit ?? 100_000,
    };
    this.#onOverflowEnd = options.onOverflowEnd;
  }

  /** Keys that wait to be handed out, those added again while processed included. */
  get queued(): number {
    return this.#dirty.size;
  }

  get processing(): number {
    return this.#processing.size;
  }

  /** Keys added so far, each as often as it began to wait. */
  get adds(): number {
    return this.#adds;
  }

  /** Keys whose delay has not ended. */
  get delayed(): number {
    return this.#delayed.size;
  }

  get isShutDown(): boolean {
    return this.#shutDown;
  }

  /** Marks a key as needing work. False when it was refused: after the shutdown or at the bound. */
  add(key: string): boolean {
    if (this.#shutDown) return false;
    this.#cancelDelay(key);
    if (this.#dirty.has(key)) return true;
    if (this.#full()) return false;
    this.#dirty.add(key);
    this.#adds += 1;
    if (this.#processing.has(key)) return true;
    const taker = this.#takers.shift();
    if (taker === undefined) this.#ready.add(key);
    else taker(this.#handOut(key));
    return true;
  }

  /** Adds the key after a delay; of several delays of one key the earliest counts. */
  addAfter(key: string, delayMs: number): boolean {
    if (delayMs <= 0) return this.add(key);
    if (this.#shutDown) return false;
    const dueMs = this.#env.clock.monotonic() + delayMs;
    const before = this.#delayed.get(key);
    if (before !== undefined && before.dueMs <= dueMs) return true;
    if (before === undefined && this.#full()) return false;
    before?.timer.cancel();
    const timer = this.#env.timers.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueMs, timer });
    return true;
  }

  /** Adds the key after a back-off that doubles with each call until {@link forget}. Answers the delay in ms. */
  addRateLimited(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const ceilingMs = Math.min(this.#options.retryLimitMs, this.#options.retryBaseMs * 2 ** Math.min(failures, 40));
    // A tenth of jitter keeps keys that failed together from returning together.
    const delayMs = ceilingMs * (0.9 + this.#env.random.next() / 10);
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** How often the key was rate limited since {@link forget}. */
  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The key succeeded: its back-off starts over. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, when there is one; undefined once the queue is shut down and empty. Call {@link done} afterwards. */
  take(): Promise<string | undefined> {
    const { value: key, done } = this.#ready.values().next();
    if (done !== true) {
      this.#ready.delete(key);
      return Promise.resolve(this.#handOut(key));
    }
    if (this.#shutDown) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** The work on a key that {@link take} handed out has ended, well or not. */
  done(key: string): void {
    if (!this.#processing.delete(key)) return;
    if (this.#dirty.has(key)) {
      const taker = this.#takers.shift();
      if (taker === undefined) this.#ready.add(key);
      else taker(this.#handOut(key));
    } else if (this.#shutDown) this.#failures.delete(key);
    this.#checkIdle();
  }

  /** Refuses new keys and drops delayed ones. With `drop` also those that wait; else they are still handed out. */
  shutDown(options: { readonly drop?: boolean } = {}): void {
    this.#shutDown = true;
    for (const key of this.#delayed.keys()) this.#cancelDelay(key);
    if (options.drop === true) {
      this.#ready.clear();
      this.#dirty.clear();
    }
    for (const taker of this.#takers.splice(0)) taker(undefined);
    this.#checkIdle();
  }

  /** Forgets every key that waits or is delayed, and all back-offs; those being processed go on and are not handed out again. */
  clear(): void {
    for (const key of this.#delayed.keys()) this.#cancelDelay(key);
    this.#ready.clear();
    this.#dirty.clear();
    this.#failures.clear();
    this.#overflowed = false;
    this.#checkIdle();
  }

  /** Resolves when no key waits or is processed; delayed ones do not count. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#checkIdle();
    });
  }

  #handOut(key: string): string {
    this.#dirty.delete(key);
    this.#processing.add(key);
    return key;
  }

  #full(): boolean {
    if (this.#dirty.size + this.#delayed.size < this.#options.keyLimit) return false;
    this.#overflowed = true;
    return true;
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.timer.cancel();
    this.#delayed.delete(key);
  }

  #checkIdle(): void {
    if (this.#dirty.size > 0 || this.#processing.size > 0) return;
    if (this.#overflowed && !this.#shutDown) {
      this.#overflowed = false;
      this.#onOverflowEnd?.();
      if (this.#dirty.size > 0 || this.#processing.size > 0) return;
    }
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** What happened since the last turn of the loop, what went during it, and waking the loop. */
import type { TimerHandle, Timers } from '@timonel/sdk';
import type { ClusterEvent } from '@timonel/sdk/contracts/scheduler';
import type { Departures } from '../decision/decision-check.ts';

/** Of more events than this in one turn it is only known that there were many. */
const eventLimit = 10_000;
/** Timers are not finer. */
const shortestPauseMs = 1;

export class Turn {
  #events: ClusterEvent[] = [];
  #overflow = false;
  readonly #departed: { readonly nodes: Set<string>; readonly pods: Set<string> } = {
    nodes: new Set(),
    pods: new Set(),
  };
  /** Whether departures are of interest: while a scheduler decides. */
  #watching = false;
  #wake: (() => void) | undefined;
  #woken = false;

  emit(event: ClusterEvent): void {
    if (this.#events.length < eventLimit) this.#events.push(event);
    else this.#overflow = true;
    this.wake();
  }

  /** The events since the last call; undefined: too many. */
  take(): readonly ClusterEvent[] | undefined {
    const events = this.#overflow ? undefined : this.#events;
    this.#events = [];
    this.#overflow = false;
    return events;
  }

  nodeLeft(name: string): void {
    if (this.#watching) this.#departed.nodes.add(name);
  }

  podLeft(uid: string): void {
    if (this.#watching) this.#departed.pods.add(uid);
  }

  /** Begins to note what goes. */
  watchDepartures(): void {
    this.#departed.nodes.clear();
    this.#departed.pods.clear();
    this.#watching = true;
  }

  departures(): Departures {
    this.#watching = false;
    return this.#departed;
  }

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Resolves after `ms`, or when `signal` aborts: for that long nothing is to wake the loop. */
  async pause(timers: Timers, ms: number, signal: AbortSignal): Promise<void> {
    if (ms < shortestPauseMs || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = timers.after(ms, done);
      signal.addEventListener('abort', done);
    });
  }

  /** Resolves when `wake` is called, or was since the last sleep, after `ms`, or when `signal` aborts. */
  sleep(timers: Timers, ms: number, signal: AbortSignal): Promise<void> {
    if (this.#woken || signal.aborted) {
      this.#woken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      let timer: TimerHandle | undefined;
      const done = (): void => {
        timer?.cancel();
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        this.#woken = false;
        resolve();
      };
      timer = timers.after(ms, done);
      signal.addEventListener('abort', done);
      this.#wake = done;
    });
  }
}

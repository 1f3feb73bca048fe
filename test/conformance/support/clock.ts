/** A clock that goes with the real one, faster if wanted, and jumps ahead when told: for what takes minutes in a cluster. */
import { manualEnv, type SimulatedEnv } from '@timonel/testkit';

const turnMs = 2;

export class Clock {
  readonly env: SimulatedEnv;
  /** How many times faster than real time. */
  speed = 1;
  readonly #pump: NodeJS.Timeout;
  #lastMs = performance.now();
  #moving: Promise<void> = Promise.resolve();
  #isBehind = false;
  #stopped = false;

  /** `startMs`: the wall clock at the start; default: the real one. */
  constructor(startMs: number = Date.now()) {
    this.env = manualEnv(1, startMs);
    this.#pump = setInterval(() => this.#follow(), turnMs);
  }

  /** Moves time on at once, timer by timer, and lets all that follows from each happen. */
  advance(ms: number): Promise<void> {
    const moved = this.#moving.then(() => (this.#stopped ? undefined : this.env.advance(ms)));
    this.#moving = moved.then(undefined, () => undefined);
    return moved;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#pump);
    await this.#moving;
  }

  #follow(): void {
    // One step at a time: those that wait would only add up.
    if (this.#isBehind) return;
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    this.#isBehind = true;
    void this.advance(elapsedMs * this.speed).finally(() => (this.#isBehind = false));
  }
}

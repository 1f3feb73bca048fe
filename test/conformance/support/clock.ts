/** A clock that goes with the real one, faster if wanted, and jumps ahead when told: for what takes minutes in a cluster. */
import { manualEnv, type SimulatedEnv } from '@timonel/testkit';

const turnMs = 2;
const stepMs = 1_000;
const turnsOfStep = 10;

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
    const moved = this.#moving.then(() => this.#move(ms));
    this.#moving = moved.then(undefined, () => undefined);
    return moved;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#pump);
    await this.#moving;
  }

  async #move(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0 && !this.#stopped; leftMs -= stepMs) {
      await this.env.advance(Math.min(leftMs, stepMs));
      // What was asked of the API meanwhile is answered before more time passes.
      for (let turn = 0; turn < turnsOfStep; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #follow(): void {
    // One step at a time: those that wait would only add up.
    if (this.#isBehind) return;
    // Whole milliseconds, as timers of the real clock have: what is due in less would be due for ever.
    const dueMs = Math.floor((performance.now() - this.#lastMs) * this.speed);
    if (dueMs < 1) return;
    this.#lastMs += dueMs / this.speed;
    this.#isBehind = true;
    void this.advance(dueMs).finally(() => (this.#isBehind = false));
  }
}

/**
 * How often watches write. A write to a connection costs the server as much as a dozen events in it. So after a write a watch waits for the
 * next beat, which comes the later the more watches wrote since the last one: many busy watches send less often, and more at once. A
 * watch that was silent sends at once.
 */
import type { Env } from '@timonel/sdk';

const pauseOfWriteMs = 0.15;
const shortestPauseMs = 1;
const longestPauseMs = 20;

class WatchPace {
  readonly #env: Env;
  #beat: Promise<void> | undefined;
  /** Since the beat before. */
  #writes = 0;
  #pauseMs = shortestPauseMs;
  #lastBeatMs = 0;

  constructor(env: Env) {
    this.#env = env;
  }

  /** To be called after a write. Resolves when the same watch may write again. */
  wrote(): Promise<void> {
    this.#writes += 1;
    this.#beat ??= this.#nextBeat();
    return this.#beat;
  }

  #nextBeat(): Promise<void> {
    const { clock, timers } = this.#env;
    if (clock.monotonic() - this.#lastBeatMs > longestPauseMs) this.#pauseMs = shortestPauseMs;
    return new Promise((resolve) => {
      timers.after(this.#pauseMs, () => {
        this.#pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, this.#writes * pauseOfWriteMs));
        this.#lastBeatMs = clock.monotonic();
        this.#writes = 0;
        this.#beat = undefined;
        resolve();
      });
    });
  }
}

const paces = new WeakMap<Env, WatchPace>();

/** The one of all watches of this server. */
export function paceOf(env: Env): WatchPace {
  let pace = paces.get(env);
  if (pace === undefined) paces.set(env, (pace = new WatchPace(env)));
  return pace;
}

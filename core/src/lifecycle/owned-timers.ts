import { createTimers, type TimerHandle, type Timers } from '@timonel/sdk';
import { isThenable } from './thenable.ts';

/** The life of a plugin, as far as timers need it. */
export interface TimerOwner {
  /** Keeps an undo until the returned function is called. Undefined: the life is over, nothing may be started. */
  keep(undo: () => void): (() => void) | undefined;
  /** Runs a callback as code of the plugin. */
  run(fn: () => unknown): unknown;
  fault(error: unknown): void;
}

const inert: TimerHandle = { cancel: () => undefined };

/**
 * Timers that belong to one life of a plugin: cancelled with it, their throws blamed on it. A sleep that is under way
 * when the life ends never settles; pass `ctx.signal` to end it earlier.
 */
export function createOwnedTimers(timers: Timers, owner: TimerOwner): Timers {
  const guarded = (fn: () => void): void => {
    try {
      const result = owner.run(fn);
      if (isThenable(result)) result.then(undefined, (error: unknown) => owner.fault(error));
    } catch (error) {
      owner.fault(error);
    }
  };
  const start = (arm: (release: () => void) => TimerHandle): TimerHandle => {
    let timer: TimerHandle | undefined;
    const release = owner.keep(() => timer?.cancel());
    if (release === undefined) return inert;
    timer = arm(release);
    return {
      cancel: () => {
        timer?.cancel();
        release();
      },
    };
  };
  const after = (delayMs: number, fn: () => void): TimerHandle =>
    start((release) =>
      timers.after(delayMs, () => {
        release();
        guarded(fn);
      }),
    );
  return createTimers(after, (periodMs, fn) => start(() => timers.every(periodMs, () => guarded(fn))));
}

import type { Env, TimerHandle } from '@timonel/sdk';

/** An Env that knows its running timers, also those that do not keep the process alive. */
export interface CountingEnv extends Env {
  readonly runningTimers: number;
}

/** Counts the timers of `env`. Every sleep is made of one. */
export function countingEnv(env: Env): CountingEnv {
  const running = new Set<TimerHandle>();
  const track = (start: (ended: () => void) => TimerHandle): TimerHandle => {
    const ended = (): void => {
      running.delete(handle);
    };
    const inner = start(ended);
    const handle: TimerHandle = {
      cancel: () => {
        ended();
        inner.cancel();
      },
    };
    running.add(handle);
    return handle;
  };
  return {
    clock: env.clock,
    random: env.random,
    timers: {
      after: (delayMs, fn) =>
        track((ended) =>
          env.timers.after(delayMs, () => {
            ended();
            fn();
          }),
        ),
      every: (periodMs, fn) => track(() => env.timers.every(periodMs, fn)),
      sleep: (delayMs, signal) => env.timers.sleep(delayMs, signal),
    },
    get runningTimers() {
      return running.size;
    },
  };
}

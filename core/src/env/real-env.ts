import { randomBytes, randomUUID } from 'node:crypto';
import { createClock, createTimers, type Env, type TimerHandle } from '@timonel/sdk';

// Node fires a longer timeout after 1 ms, with a warning only.
const longestTimeoutMs = 2 ** 31 - 1;

function after(delayMs: number, fn: () => void): TimerHandle {
  let timer: NodeJS.Timeout;
  const arm = (restMs: number): void => {
    const stepMs = Math.min(restMs, longestTimeoutMs);
    timer = setTimeout(() => (restMs > stepMs ? arm(restMs - stepMs) : fn()), stepMs).unref();
  };
  arm(Math.max(0, delayMs));
  return { cancel: () => clearTimeout(timer) };
}

function every(periodMs: number, fn: () => void): TimerHandle {
  if (periodMs > longestTimeoutMs) throw new RangeError(`a period of ${periodMs} ms is too long`);
  const timer = setInterval(fn, periodMs).unref();
  return { cancel: () => clearInterval(timer) };
}

/** The Env of a real process: system clock, unreferenced timers, the system's random generator. */
export function createRealEnv(): Env {
  return {
    clock: createClock(
      () => Date.now(),
      () => performance.now(),
    ),
    timers: createTimers(after, every),
    random: {
      next: () => Math.random(),
      int: (bound) => Math.floor(Math.random() * bound),
      bytes: (length) => new Uint8Array(randomBytes(length)),
      uuid: () => randomUUID(),
    },
  };
}

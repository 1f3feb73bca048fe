import type { Clock, TimerHandle, Timers } from './env.ts';

/** Makes a Clock of the two functions that differ between environments. */
export function createClock(now: () => number, monotonic: () => number): Clock {
  const iso = (): string => new Date(now()).toISOString();
  // Asked for with every write.
  let lastSecond = Number.NaN;
  let lastTimestamp = '';
  const timestamp = (): string => {
    const second = Math.floor(now() / 1000);
    if (second !== lastSecond) {
      lastSecond = second;
      lastTimestamp = `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;
    }
    return lastTimestamp;
  };
  return {
    now,
    monotonic,
    timestamp,
    microTimestamp: () => iso().replace('Z', '000Z'),
  };
}

/** Makes Timers of the two functions that differ between environments. */
export function createTimers(after: Timers['after'], every: Timers['every']): Timers {
  return { after, every, sleep: (delayMs, signal) => sleep(after, delayMs, signal) };
}

// The listener goes with the promise: a long-lived signal keeps nothing.
function sleep(after: Timers['after'], delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer: TimerHandle = after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

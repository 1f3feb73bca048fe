import { randomBytes, randomUUID } from 'node:crypto';

// Node fires a longer timeout after 1 ms, with a warning only.
const longestTimeoutMs = 2 ** 31 - 1;

/** The Env of a plugin in a worker thread; see `Env` in the sdk. Its timers end with the thread. */
export function createEnv(onFault) {
  const guarded = (fn) => {
    try {
      const result = fn();
      if (typeof result?.then === 'function') result.then(undefined, onFault);
    } catch (error) {
      onFault(error);
    }
  };
  const after = (delayMs, fn) => {
    let timer;
    const arm = (restMs) => {
      const stepMs = Math.min(restMs, longestTimeoutMs);
      timer = setTimeout(() => (restMs > stepMs ? arm(restMs - stepMs) : guarded(fn)), stepMs).unref();
    };
    arm(Math.max(0, delayMs));
    return { cancel: () => clearTimeout(timer) };
  };
  const every = (periodMs, fn) => {
    if (periodMs > longestTimeoutMs) throw new RangeError(`a period of ${periodMs} ms is too long`);
    const timer = setInterval(guarded, periodMs, fn).unref();
    return { cancel: () => clearInterval(timer) };
  };
  const sleep = (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        timer.cancel();
        reject(signal.reason);
      };
      const timer = after(delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  const timestamp = () => new Date().toISOString();
  return Object.freeze({
    clock: {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      timestamp: () => `${timestamp().slice(0, 19)}Z`,
      microTimestamp: () => timestamp().replace('Z', '000Z'),
    },
    timers: { after, every, sleep },
    random: {
      next: () => Math.random(),
      int: (bound) => Math.floor(Math.random() * bound),
      bytes: (length) => new Uint8Array(randomBytes(length)),
      uuid: () => randomUUID(),
    },
  });
}

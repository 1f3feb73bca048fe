import type { TimerHandle } from '@timonel/sdk';

/** A promise over `after` that a signal can end early. The listener goes with the promise: a long-lived signal keeps nothing. */
export function sleepWith(
  after: (delayMs: number, fn: () => void) => TimerHandle,
  delayMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

import type { TimerHandle, Timers } from '@timonel/sdk';

export interface TimeLimit {
  readonly timers: Timers;
  readonly ms: number;
  /** Ends the wait with its reason. */
  readonly signal: AbortSignal;
  /** What is thrown when the time is over. */
  readonly late: () => Error;
}

/** The result of `work` if it comes in time; what it does after that is of no effect. */
export function inTime<T>(work: () => Promise<T>, { timers, ms, signal, late }: TimeLimit): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let timer: TimerHandle | undefined;
    const end = (): void => {
      timer?.cancel();
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown): void => {
      end();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    timer = timers.after(ms, () => fail(late()));
    const succeed = (value: T): void => {
      end();
      resolve(value);
    };
    // Whatever it throws before it has a promise comes out the same way.
    new Promise<T>((settle) => settle(work())).then(succeed, fail);
  });
}

import { createRealEnv } from '@timonel/core/env';

/** Options of {@link until}. */
export interface UntilOptions {
  /** Names the condition in the error: "pod to be Running". */
  readonly what: string | (() => string);
  /** Default 20,000: machines are busy at times, and a condition in vain is found all the same. */
  readonly timeoutMs?: number;
  /** Default 10. */
  readonly intervalMs?: number;
  /** A throw of the condition ends the wait. Default: it does not hold yet. */
  readonly abortOnThrow?: boolean;
}

/** What `until` answers: the value of a condition that holds. */
export type Held<T> = Exclude<T, false | null | undefined | 0 | ''>;

const { clock } = createRealEnv();

// A timer that keeps the process alive: a test that waits is not done.
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    // oxlint-disable-next-line no-restricted-globals
    setTimeout(resolve, ms);
  });
}

/**
 * Waits in real time until `condition` returns something truthy, and returns that. A condition that throws does not hold
 * yet, unless told otherwise; at the deadline its last error is the cause.
 * @throws Error that names `what`
 */
export async function until<T>(condition: () => T | Promise<T>, options: UntilOptions): Promise<Held<T>> {
  const { what, timeoutMs = 20_000, intervalMs = 10, abortOnThrow = false } = options;
  const endAt = clock.monotonic() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value as Held<T>;
      cause = undefined;
    } catch (error) {
      if (abortOnThrow) throw error;
      cause = error;
    }
    if (clock.monotonic() >= endAt) {
      throw new Error(
        `waited ${timeoutMs} ms in vain for ${typeof what === 'string' ? what : what()}`,
        cause === undefined ? {} : { cause },
      );
    }
    await pause(intervalMs);
  }
}

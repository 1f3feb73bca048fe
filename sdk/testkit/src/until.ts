import { createRealEnv } from '@timonel/core/env';

/** Options of {@link until}. */
export interface UntilOptions {
  /** Names the condition in the error: "pod to be Running". */
  readonly what: string;
  /** Default 20,000: machines are busy at times, and a condition in vain is found all the same. */
  readonly timeoutMs?: number;
  /** Default 10. */
  readonly intervalMs?: number;
}

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
 * yet; at the deadline its last error is the cause.
 * @throws Error that names `what`
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions,
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  const timeoutMs = options.timeoutMs ?? 20_000;
  const endAt = clock.monotonic() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value as Exclude<T, false | null | undefined | 0 | ''>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (clock.monotonic() >= endAt) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${options.what}`, cause === undefined ? {} : { cause });
    }
    await pause(options.intervalMs ?? 10);
  }
}

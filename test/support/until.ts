export interface UntilOptions {
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  /** What is waited for; shown when it does not come. */
  readonly what: string | (() => string);
  /** A throw of the condition ends the wait. Default: it counts as "not yet". */
  readonly abortOnThrow?: boolean;
}

/** Waits until the condition answers something truthy, and answers that. */
export async function until<T>(condition: () => T | Promise<T>, options: UntilOptions): Promise<NonNullable<T>> {
  const deadline = performance.now() + (options.timeoutMs ?? 20_000);
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
    } catch (error) {
      if (options.abortOnThrow === true) throw error;
      last = error;
    }
    if (performance.now() > deadline) {
      const what = typeof options.what === 'string' ? options.what : options.what();
      throw new Error(`timed out waiting for ${what}`, last === undefined ? undefined : { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, options.intervalMs ?? 50));
  }
}

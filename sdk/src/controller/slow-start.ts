/** How many of a batch went well, and the first failure. */
export interface BatchOutcome {
  readonly succeeded: number;
  readonly error: unknown;
}

/**
 * Calls `fn` `count` times in batches of 1, 2, 4, … at once: when the first call fails, the others of its batch are the last, so that
 * a quota or an admission that refuses everything is not asked a thousand times. Batches grow to `batchLimit` (default 64).
 */
export async function slowStart(
  count: number,
  fn: (index: number) => Promise<void>,
  batchLimit: number = 64,
): Promise<BatchOutcome> {
  let succeeded = 0;
  let started = 0;
  for (let size = Math.min(1, count); size > 0; size = Math.min(2 * size, batchLimit, count - started)) {
    const first = started;
    started += size;
    const results = await Promise.allSettled(Array.from({ length: size }, (_, index) => fn(first + index)));
    const failure = results.find((result) => result.status === 'rejected');
    succeeded += results.filter((result) => result.status === 'fulfilled').length;
    if (failure !== undefined) return { succeeded, error: failure.reason };
  }
  return { succeeded, error: undefined };
}

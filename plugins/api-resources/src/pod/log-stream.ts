import type { Timers } from '@timonel/sdk';

/** How long the first chunk may take before the answer begins without it. */
const firstChunkMs = 500;

async function* rest(
  iterator: AsyncIterator<Uint8Array>,
  first: Promise<IteratorResult<Uint8Array>>,
): AsyncGenerator<Uint8Array> {
  let ended = false;
  try {
    let result = await first;
    while (!result.done) {
      yield result.value;
      result = await iterator.next();
    }
    ended = true;
  } finally {
    // Not awaited: a generator that waits for its next line would hold the reader back; its signal ends it.
    if (!ended) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/**
 * A stream whose beginning has been seen, so that a refusal of the node becomes the status of the answer. One that stays
 * silent counts as begun.
 */
export async function begunStream(
  stream: AsyncIterable<Uint8Array>,
  timers: Timers,
): Promise<AsyncIterable<Uint8Array>> {
  const iterator = stream[Symbol.asyncIterator]();
  const first = iterator.next();
  await new Promise<void>((resolve, reject) => {
    const timer = timers.after(firstChunkMs, resolve);
    first.then(() => resolve(), reject).finally(() => timer.cancel());
  });
  // The reader may never come: its failure is then nobody's.
  first.catch(() => undefined);
  return rest(iterator, first);
}

import type { Timers } from '@timonel/sdk';

/** How long the first chunk may take before the answer begins without it. */
const firstChunkMs = 500;

/** What says that the answer has begun, while there is nothing to say yet. */
const nothing = new Uint8Array();

async function* rest(
  iterator: AsyncIterator<Uint8Array>,
  first: Promise<IteratorResult<Uint8Array>>,
  isSilent: boolean,
): AsyncGenerator<Uint8Array> {
  let ended = false;
  try {
    if (isSilent) yield nothing;
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
 * silent counts as begun: it starts with an empty chunk.
 */
export async function begunStream(
  stream: AsyncIterable<Uint8Array>,
  timers: Timers,
): Promise<AsyncIterable<Uint8Array>> {
  const iterator = stream[Symbol.asyncIterator]();
  const first = iterator.next();
  const isSilent = await new Promise<boolean>((resolve, reject) => {
    const timer = timers.after(firstChunkMs, () => resolve(true));
    first.then(() => resolve(false), reject).finally(() => timer.cancel());
  });
  // The reader may never come: its failure is then nobody's.
  first.catch(() => undefined);
  return rest(iterator, first, isSilent);
}

import type { ServerResponse } from 'node:http';

/** Waits until what was written is on its way to the client, or the connection is over. */
export async function drained(response: ServerResponse): Promise<void> {
  // Whichever of both was written to. A response of HEAD is never full.
  const writable = response.socket ?? response;
  if (!writable.writableNeedDrain) return;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      writable.off('drain', settle);
      response.off('close', settle);
      resolve();
    };
    writable.on('drain', settle);
    response.on('close', settle);
  });
}

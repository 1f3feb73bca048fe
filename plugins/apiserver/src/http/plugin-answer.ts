/** Sends what code of a plugin (a subresource, a route) answered. */
import { Readable } from 'node:stream';
import type { SubresourceResponse } from '@timonel/sdk/contracts/api-server';
import type { Exchange } from './exchange.ts';
import { sendObject } from './answers.ts';

export async function sendPluginAnswer(ctx: Exchange, response: SubresourceResponse): Promise<void> {
  if (response.kind === 'object') {
    sendObject(ctx, response.status, response.object);
    return;
  }
  // The first chunk is awaited, so that an early failure still becomes a Status.
  const iterator = response.stream[Symbol.asyncIterator]();
  const first = await iterator.next();
  ctx.respond = false;
  const { res } = ctx;
  res.writeHead(200, { 'content-type': response.contentType, 'cache-control': 'no-cache, private' });
  res.flushHeaders();
  const stream = Readable.from(chunks(iterator, first), { objectMode: false });
  stream.on('error', () => res.destroy());
  res.once('close', () => stream.destroy());
  stream.pipe(res);
}

async function* chunks(
  iterator: AsyncIterator<Uint8Array>,
  first: IteratorResult<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    for (let next = first; next.done !== true; next = await iterator.next()) {
      if (next.value.length > 0) yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

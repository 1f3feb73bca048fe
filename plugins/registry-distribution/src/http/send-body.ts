/** Bodies that are read while they are sent. */
import type { ClientRequest } from 'node:http';
import { once } from 'node:events';
import { errorMessage } from '@timonel/sdk';
import { isFailure, RegistryFailure } from '../failure.ts';

export interface StreamedBody {
  readonly size: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * Sends the body and ends the request; a body that fails, or whose size is another one, destroys it. `onProgress` after each
 * piece that was taken, `onEnd` when all of it was. Ends when the request does, whatever the body does. Never rejects.
 */
export async function sendBody(
  request: ClientRequest,
  { size, content }: StreamedBody,
  onProgress: () => void,
  onEnd: () => void,
): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  // Registries answer before the end when they do not want the rest.
  request.once('response', end).once('close', end);
  let sent = 0;
  try {
    for await (const piece of content) {
      sent += piece.length;
      if (ended.signal.aborted) break;
      if (sent > size)
        throw new RegistryFailure('refused', `the content has more than the ${size} bytes it was said to have`);
      if (!request.write(piece)) await once(request, 'drain', { signal: ended.signal });
      onProgress();
    }
    if (ended.signal.aborted) {
      // The connection cannot be used again: the registry still expects the rest.
      if (sent < size) request.shouldKeepAlive = false;
      return;
    }
    if (sent < size) throw new RegistryFailure('refused', `the content has ${sent} bytes and was said to have ${size}`);
    onEnd();
    request.end();
  } catch (error) {
    if (ended.signal.aborted) return;
    const unreadable = `the content cannot be read: ${errorMessage(error)}`;
    request.destroy(isFailure(error) ? error : new RegistryFailure('refused', unreadable, { cause: error }));
  }
}

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
  let [sent, whole] = [0, false];
  const end = (): void => {
    // Registries answer before the end when they do not want the rest. The connection is of no use after that: it still expects it.
    if (!whole) request.shouldKeepAlive = false;
    ended.abort();
  };
  request.once('response', end).once('close', end);
  try {
    for await (const piece of content) {
      sent += piece.length;
      if (ended.signal.aborted) break;
      if (sent > size)
        throw new RegistryFailure('refused', `the content has more than the ${size} bytes it was said to have`);
      if (!request.write(piece)) await once(request, 'drain', { signal: ended.signal });
      onProgress();
    }
    if (ended.signal.aborted) return;
    if (sent < size) throw new RegistryFailure('refused', `the content has ${sent} bytes and was said to have ${size}`);
    onEnd();
    whole = true;
    request.end();
  } catch (error) {
    if (ended.signal.aborted) return;
    const unreadable = `the content cannot be read: ${errorMessage(error)}`;
    request.destroy(isFailure(error) ? error : new RegistryFailure('refused', unreadable, { cause: error }));
  }
}

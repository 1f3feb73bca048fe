/** Bodies that are read while they are sent. */
import type { ClientRequest } from 'node:http';
import { once } from 'node:events';
import { errorMessage } from '@timonel/sdk';
import { isFailure, RegistryFailure } from '../failure.ts';

export interface StreamedBody {
  readonly size: number;
  /** Called when there is a connection. */
  content(): AsyncIterable<Uint8Array>;
}

/** The registry is waited for, or the content; at the end all is on its way. */
export type SendingState = 'registry' | 'content' | 'sent';

/**
 * Sends the body and ends the request; a body that fails, or whose size is another one, destroys it. Ends when the request does,
 * whatever the body does. Never rejects.
 */
export async function sendBody(
  request: ClientRequest,
  body: StreamedBody,
  onState: (state: SendingState) => void,
): Promise<void> {
  const { size } = body;
  const ended = new AbortController();
  let [sent, whole] = [0, false];
  const end = (): void => {
    // Registries answer before the end when they do not want the rest. The connection is of no use after that: it still expects it.
    if (!whole) request.shouldKeepAlive = false;
    ended.abort();
  };
  request.once('response', end).once('close', end);
  try {
    for await (const piece of body.content()) {
      sent += piece.length;
      if (ended.signal.aborted) break;
      if (sent > size)
        throw new RegistryFailure('refused', `the content has more than the ${size} bytes it was said to have`);
      if (request.write(piece)) continue;
      onState('registry');
      await once(request, 'drain', { signal: ended.signal });
      onState('content');
    }
    if (ended.signal.aborted) return;
    if (sent < size) throw new RegistryFailure('refused', `the content has ${sent} bytes and was said to have ${size}`);
    onState('sent');
    whole = true;
    request.end();
  } catch (error) {
    if (ended.signal.aborted) return;
    const unreadable = `the content cannot be read: ${errorMessage(error)}`;
    request.destroy(isFailure(error) ? error : new RegistryFailure('refused', unreadable, { cause: error }));
  }
}

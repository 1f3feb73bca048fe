/** A stream of bytes as messages of a WebSocket: logs, for clients that have no other way to read them as they come. */
import type { WebSocket } from 'ws';
import { offeredProtocols } from './bearer-protocol.ts';
import type { ConnectionCall } from './connection-call.ts';
import { firstOf } from './session-protocols.ts';
import { acceptWebSocket, checkHandshake } from './web-socket.ts';

const base64 = 'base64.binary.k8s.io';
const protocols = ['binary.k8s.io', base64] as const;

type Bytes = AsyncIterator<Uint8Array>;

/** Ends the stream with the connection. @throws what the stream throws before its first bytes, and ApiError BadRequest */
export async function bytesOverWebSocket(call: ConnectionCall, stream: AsyncIterable<Uint8Array>): Promise<void> {
  const { request, response, connections, leave } = call;
  checkHandshake(request);
  const offered = offeredProtocols(request);
  const protocol = offered.length === 0 ? '' : firstOf(offered, protocols);
  const bytes = stream[Symbol.asyncIterator]();
  // An early failure still becomes a Status.
  const first = await bytes.next();
  const accepted = acceptWebSocket(request, response, protocol, (socket) => {
    socket.on('error', () => undefined);
    const stayed = connections.onStop(() => socket.terminate());
    const work = send(socket, bytes, first, protocol === base64).finally(stayed);
    connections.detach(work, leave);
  });
  if (accepted) return;
  leave();
  await bytes.return?.();
}

async function send(
  socket: WebSocket,
  bytes: Bytes,
  first: IteratorResult<Uint8Array>,
  asText: boolean,
): Promise<void> {
  try {
    for (let next = first; next.done !== true; next = await bytes.next()) {
      const message = asText ? Buffer.from(next.value).toString('base64') : next.value;
      // One message at a time: who reads slowly is read for slowly.
      await new Promise<void>((resolve, reject) =>
        socket.send(message, (error) => (error ? reject(error) : resolve())),
      );
    }
    socket.close(1000);
  } catch (error) {
    socket.close(1011);
    throw error;
  } finally {
    await bytes.return?.();
  }
}

/** A stream of bytes as messages of a WebSocket: logs, for clients that have no other way to read them as they come. */
import type { WebSocket } from 'ws';
import { offeredProtocols } from './bearer-protocol.ts';
import type { ConnectionCall } from './connection-call.ts';
import { firstOf } from './session-protocols.ts';
import { acceptWebSocket, checkHandshake } from './web-socket.ts';

const base64 = 'base64.binary.k8s.io';
const protocols = ['binary.k8s.io', base64] as const;

/** Which protocol the client is to be answered in: before there is a stream, which nobody would read after a refusal. @throws ApiError BadRequest */
export function bytesProtocol({ request }: Pick<ConnectionCall, 'request'>): string {
  checkHandshake(request);
  const offered = offeredProtocols(request);
  return offered.length === 0 ? '' : firstOf(offered, protocols);
}

/** `stream` ends with the connection. */
export function bytesOverWebSocket(call: ConnectionCall, protocol: string, stream: AsyncIterable<Uint8Array>): void {
  const { request, response, connections, leave } = call;
  const accepted = acceptWebSocket(request, response, protocol, (socket) => {
    socket.on('error', () => undefined);
    const stayed = connections.onStop(() => socket.terminate());
    const work = send(socket, stream, protocol === base64).finally(stayed);
    connections.detach(work, leave);
  });
  // Its request is over, by which it ends: read to there, it lets go of what it holds.
  if (!accepted) connections.detach(drained(stream), leave);
}

async function send(socket: WebSocket, stream: AsyncIterable<Uint8Array>, asText: boolean): Promise<void> {
  try {
    for await (const bytes of stream) {
      const message = asText ? Buffer.from(bytes).toString('base64') : bytes;
      // One message at a time: who reads slowly is read for slowly.
      await new Promise<void>((resolve, reject) =>
        socket.send(message, (error) => (error ? reject(error) : resolve())),
      );
    }
    socket.close(1000);
  } catch (error) {
    socket.close(1011);
    throw error;
  }
}

async function drained(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _bytes of stream) break;
}

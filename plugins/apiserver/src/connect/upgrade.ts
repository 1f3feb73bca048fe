/**
 * Requests that ask for another protocol. They go the way of all requests, with a response of their own on the connection, so that
 * every refusal is a Status; who accepts takes the connection over.
 */
import { ServerResponse, type IncomingMessage, type RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** The bytes that came after the head of a request. */
const heads = new WeakMap<IncomingMessage, Buffer>();

const keepAliveMs = 15_000;

/** For the event `upgrade` of a server. A protocol that nobody speaks is passed over, as Go's servers do. */
export function onUpgrade(handler: RequestListener): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (request, socket, head) => {
    heads.set(request, head);
    const connection = socket as Socket;
    connection.on('error', () => undefined);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(connection);
    // Its end alone would leave the connection to a client that never ends its own.
    response.once('finish', () => connection.destroySoon());
    handler(request, response);
  };
}

/** The protocol that a request asks for, in lower case: `websocket`, `spdy/3.1`. */
export function upgradeOf(request: IncomingMessage): string | undefined {
  return heads.has(request) ? request.headers.upgrade?.trim().toLowerCase() : undefined;
}

export interface TakenOver {
  readonly socket: Socket;
  readonly head: Buffer;
}

/** From here on the connection belongs to the caller; undefined: it is gone. */
export function takeOver(request: IncomingMessage, response: ServerResponse): TakenOver | undefined {
  const socket = request.socket;
  const head = heads.get(request) ?? Buffer.alloc(0);
  response.detachSocket(socket);
  // A response without a socket does not hear of its end; whoever waits for that would wait for ever.
  response.statusCode = 101;
  socket.once('close', () => response.emit('close'));
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  socket.setKeepAlive(true, keepAliveMs);
  socket.setTimeout(0);
  return { socket, head };
}

/** The values of a header that may be a list, or come several times. */
export function listOf(header: string | readonly string[] | undefined): string[] {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

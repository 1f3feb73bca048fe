/** Accepts WebSockets. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { WebSocketServer, type WebSocket } from 'ws';
import { messageLimitBytes } from '@timonel/sdk/streams';
import { badRequest } from '../registry/api-errors.ts';
import { takeOver } from './upgrade.ts';

/** What has been chosen for a request, for the moment of its answer. */
const chosen = new WeakMap<IncomingMessage, string>();

const server = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: messageLimitBytes,
  handleProtocols: (_offered, request) => chosen.get(request) ?? false,
});

/** @throws ApiError BadRequest when the request is not what RFC 6455 wants */
export function checkHandshake(request: IncomingMessage): void {
  if (request.method !== 'GET') throw badRequest('a WebSocket must be asked for by GET');
  const key = request.headers['sec-websocket-key'] ?? '';
  if (!/^[+/0-9A-Za-z]{22}==$/.test(key)) throw badRequest('the header Sec-WebSocket-Key is missing or not valid');
  const version = request.headers['sec-websocket-version'];
  if (version !== '13' && version !== '8') throw badRequest('the header Sec-WebSocket-Version must be 13');
}

/**
 * Answers the handshake; `protocol` empty: without a sub-protocol. `use` gets the socket before any message of it. False: the
 * client is gone.
 */
export function acceptWebSocket(
  request: IncomingMessage,
  response: ServerResponse,
  protocol: string,
  use: (socket: WebSocket) => void,
): boolean {
  const taken = takeOver(request, response);
  if (taken === undefined) return false;
  if (protocol !== '') chosen.set(request, protocol);
  let accepted = false;
  server.handleUpgrade(request, taken.socket, taken.head, (socket) => {
    accepted = true;
    use(socket);
  });
  return accepted;
}

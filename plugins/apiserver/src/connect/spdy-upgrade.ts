/** Accepts the older upgrade, to SPDY/3.1 itself. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { SpdySession } from '@timonel/sdk/spdy';
import type { SpdyStream } from '@timonel/sdk/spdy';
import type { ConnectionCall } from './connection-call.ts';
import { listOf, takeOver } from './upgrade.ts';

const versionHeader = 'x-stream-protocol-version';
/** Two for each forwarded connection. */
const streamsLimit = 1024;

/** What the client wants to speak over SPDY. */
export function spdyProtocols(request: IncomingMessage): string[] {
  return listOf(request.headers[versionHeader]);
}

/** Answers the upgrade. Undefined: the client is gone. */
export function acceptSpdy(
  call: ConnectionCall,
  version: string,
  onStream: (stream: SpdyStream) => void,
): SpdySession | undefined {
  const taken = takeOver(call.request, call.response);
  if (taken === undefined) return undefined;
  const { socket, head } = taken;
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1'];
  socket.write(`${[...lines, `X-Stream-Protocol-Version: ${version}`].join('\r\n')}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  return spdyOver(socket, call, onStream);
}

/** A session over a connection that stands. It ends with the server, and when nothing happens for long. */
export function spdyOver(
  connection: Duplex,
  { connections }: ConnectionCall,
  onStream: (stream: SpdyStream) => void,
): SpdySession {
  const { env, idleMs } = connections;
  const session = new SpdySession(connection, { streams: streamsLimit, onStream, timers: env.timers, idleMs });
  void session.closed.then(connections.onStop(() => session.destroy()));
  return session;
}

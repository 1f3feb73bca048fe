import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Timers } from '../kernel/index.ts';
import { channels, nodeProtocol } from './channel-protocol.ts';
import { ChannelSocket } from './channel-socket.ts';
import { joinStreams } from './join-streams.ts';

export interface PortOptions {
  readonly timers: Timers;
  readonly idleMs: number;
}

function portChannel(socket: WebSocket, { timers, idleMs }: PortOptions): [ChannelSocket, Duplex] {
  const channel = new ChannelSocket(socket, { protocol: nodeProtocol, timers, idleMs, tellsEnds: true });
  return [channel, channel.duplex(channels.stdin)];
}

/** A connection on the other side of an open WebSocket of {@link nodeProtocol}. */
export function remotePort(socket: WebSocket, options: PortOptions): Duplex {
  const [channel, connection] = portChannel(socket, options);
  connection.once('close', () => {
    if (connection.readableEnded && connection.writableFinished) channel.close();
    else channel.terminate();
  });
  return connection;
}

/** Serves a connection over an open WebSocket. Resolves when both are over. */
export async function servePort(
  socket: WebSocket,
  target: Duplex,
  options: PortOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const [channel, connection] = portChannel(socket, options);
  const stop = (): void => channel.close(1001, 'the server stops');
  options.signal.addEventListener('abort', stop, { once: true });
  await joinStreams(connection, target);
  const whole = connection.readableEnded && connection.writableFinished;
  if (whole) channel.close();
  else channel.terminate();
  await channel.closed;
  options.signal.removeEventListener('abort', stop);
}

/** Port-forward: over channels of a WebSocket, over SPDY, and over SPDY inside of a WebSocket, as kubectl does it. */
import type { Duplex, Readable, Writable } from 'node:stream';
import { createWebSocketStream, type WebSocket } from 'ws';
import { errorMessage } from '@timonel/sdk';
import type { PortsConnection } from '@timonel/sdk/contracts/api-server';
import { ChannelSocket, joinStreams } from '@timonel/sdk/streams';
import type { SpdySession } from '@timonel/sdk/spdy';
import { badRequest } from '../registry/api-errors.ts';
import { offeredProtocols } from './bearer-protocol.ts';
import type { ConnectionCall } from './connection-call.ts';
import { PortPairs, type PortPair } from './port-pairs.ts';
import { firstOf } from './session-protocols.ts';
import { acceptSpdy, spdyOver, spdyProtocols } from './spdy-upgrade.ts';
import { acceptWebSocket, checkHandshake } from './web-socket.ts';

const spdyVersion = 'portforward.k8s.io';
const tunnelProtocol = `SPDY/3.1+${spdyVersion}`;
const channelNames = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];
const portsLimit = 100;

/** The connection into the pod, or undefined when the error has been told. */
async function dialled(connection: PortsConnection, port: number, error: Writable): Promise<Duplex | undefined> {
  try {
    const target = await connection.dial(port);
    target.on('error', () => undefined);
    return target;
  } catch (failure) {
    error.end(`error forwarding port ${port}: ${errorMessage(failure)}`);
    return undefined;
  }
}

async function forwardPair(connection: PortsConnection, { port, data, error }: PortPair): Promise<void> {
  const target = await dialled(connection, port, error);
  if (target === undefined) {
    data.end();
    data.resume();
    return;
  }
  await joinStreams(data, target);
  error.end();
}

function portPairs(call: ConnectionCall, connection: PortsConnection): PortPairs {
  return new PortPairs(call.connections.env.timers, (pair) => void forwardPair(connection, pair));
}

async function untilClosed(spdy: SpdySession, pairs: PortPairs): Promise<void> {
  await spdy.closed;
  pairs.end();
}

export function portsOverSpdy(call: ConnectionCall, connection: PortsConnection): void {
  const version = firstOf(spdyProtocols(call.request), [spdyVersion]);
  const pairs = portPairs(call, connection);
  const spdy = acceptSpdy(call, version, (stream) => pairs.add(stream));
  if (spdy === undefined) call.leave();
  else call.connections.detach(untilClosed(spdy, pairs), call.leave);
}

function overTunnel(socket: WebSocket, call: ConnectionCall, connection: PortsConnection): Promise<void> {
  const pairs = portPairs(call, connection);
  return untilClosed(
    spdyOver(createWebSocketStream(socket), call, (stream) => pairs.add(stream)),
    pairs,
  );
}

interface PortChannels {
  readonly port: number;
  readonly input: Readable;
  readonly output: Writable;
  readonly error: Writable;
}

/** Two channels for each port, the first message of each naming it. */
function openChannels(channel: ChannelSocket, ports: readonly number[]): PortChannels[] {
  return ports.map((port, index) => {
    const [data, errors] = [index * 2, index * 2 + 1];
    const opened = {
      port,
      input: channel.readable(data),
      output: channel.writable(data),
      error: channel.writable(errors),
    };
    const name = Buffer.from([port & 0xff, port >> 8]);
    opened.output.write(name);
    opened.error.write(name);
    return opened;
  });
}

async function forwardChannels(
  { port, input, output, error }: PortChannels,
  connection: PortsConnection,
  gone: Promise<unknown>,
): Promise<void> {
  const target = await dialled(connection, port, error);
  if (target === undefined) return;
  void gone.then(() => target.destroy());
  input.pipe(target);
  target.pipe(output);
  await new Promise<void>((resolve) => target.once('end', resolve).once('close', resolve));
  target.destroy();
}

async function overChannels(socket: WebSocket, call: ConnectionCall, connection: PortsConnection): Promise<void> {
  const { env, idleMs } = call.connections;
  const protocol = { base64: socket.protocol.includes('base64'), closes: false };
  const channel = new ChannelSocket(socket, { protocol, timers: env.timers, idleMs, tellsEnds: false });
  const forgetStop = call.connections.onStop(() => channel.close(1001, 'the server stops'));
  const opened = openChannels(channel, connection.ports);
  await Promise.all(opened.map((one) => forwardChannels(one, connection, channel.closed)));
  channel.close();
  await channel.closed;
  forgetStop();
}

export function portsOverWebSocket(call: ConnectionCall, connection: PortsConnection): void {
  const { request, response, connections } = call;
  checkHandshake(request);
  const offered = offeredProtocols(request);
  const protocol = offered.length === 0 ? '' : firstOf(offered, [tunnelProtocol, ...channelNames]);
  const tunnel = protocol === tunnelProtocol;
  if (!tunnel && connection.ports.length === 0) throw badRequest('the query must name the ports: ?ports=8080');
  if (connection.ports.length > portsLimit) throw badRequest(`at most ${portsLimit} ports can be forwarded at once`);
  const accepted = acceptWebSocket(request, response, protocol, (socket) => {
    const serve = tunnel ? overTunnel : overChannels;
    connections.detach(serve(socket, call, connection), call.leave);
  });
  if (!accepted) call.leave();
}

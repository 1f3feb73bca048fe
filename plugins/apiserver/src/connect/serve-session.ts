/** Sessions (exec, attach) over WebSocket and over SPDY. */
import { PassThrough, pipeline, type Readable } from 'node:stream';
import type { SessionConnection } from '@timonel/sdk/contracts/api-server';
import type { ExecSession } from '@timonel/sdk/contracts/runtime';
import { runSession, serveSession, type SessionEnd } from '@timonel/sdk/streams';
import type { SpdyStream } from '@timonel/sdk/spdy';
import { offeredProtocols } from './bearer-protocol.ts';
import type { ConnectionCall } from './connection-call.ts';
import { firstOf, sessionProtocol } from './session-protocols.ts';
import { acceptSpdy, spdyProtocols } from './spdy-upgrade.ts';
import { acceptWebSocket, checkHandshake } from './web-socket.ts';

const spdyVersions = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;
/** As the kubelet has it. */
const streamsTimeoutMs = 30_000;
/** Clients close a connection when they have read everything. */
const farewellMs = 10_000;

export async function sessionOverWebSocket(call: ConnectionCall, connection: SessionConnection): Promise<void> {
  const { request, response, connections } = call;
  const { env, idleMs, signal } = connections;
  checkHandshake(request);
  const protocol = sessionProtocol(offeredProtocols(request));
  const session = await connection.open();
  const options = { ...connection.streams, protocol, timers: env.timers, idleMs, signal };
  const accepted = acceptWebSocket(request, response, protocol.name, (socket) => {
    connections.detach(serveSession(socket, session, options), call.leave);
  });
  if (!accepted) {
    session.kill();
    call.leave();
  }
}

export async function sessionOverSpdy(call: ConnectionCall, connection: SessionConnection): Promise<void> {
  const version = firstOf(spdyProtocols(call.request), spdyVersions);
  const session = keepingOutput(await connection.open());
  const streams = new Map<string, SpdyStream>();
  const wanted = wantedStreams(connection);
  let complete = (): void => undefined;
  const all = new Promise<void>((resolve) => (complete = resolve));
  const spdy = acceptSpdy(call, version, (stream) => {
    const type = stream.headers.get('streamtype') ?? '';
    if (!wanted.has(type) || streams.has(type)) stream.destroy();
    else streams.set(type, stream);
    if (streams.size === wanted.size) complete();
  });
  if (spdy === undefined) {
    session.kill();
    call.leave();
    return;
  }
  const { timers } = call.connections.env;
  const work = async (): Promise<void> => {
    const late = timers.after(streamsTimeoutMs, () => spdy.destroy());
    const stands = await Promise.race([all.then(() => true), spdy.closed.then(() => false)]);
    late.cancel();
    if (stands) await run(session, streams, spdy.closed);
    else session.kill();
    spdy.end();
    const farewell = timers.after(farewellMs, () => spdy.destroy());
    await spdy.closed;
    farewell.cancel();
  };
  call.connections.detach(work(), call.leave);
}

/** What a process writes before the client has opened its streams is kept, as far as pipes go. */
function keepingOutput(session: ExecSession): ExecSession {
  const keep = (output: NodeJS.ReadableStream): Readable => {
    const kept = new PassThrough();
    pipeline(output, kept, () => undefined);
    return kept;
  };
  const { stdin, stdout, stderr, exited } = session;
  return {
    stdin,
    stdout: keep(stdout),
    stderr: stderr === undefined ? undefined : keep(stderr),
    exited,
    resize: (columns, rows) => session.resize(columns, rows),
    kill: () => session.kill(),
  };
}

function wantedStreams({ streams }: SessionConnection): Set<string> {
  const wanted = new Set(['error']);
  for (const name of ['stdin', 'stdout'] as const) if (streams[name]) wanted.add(name);
  if (streams.tty) wanted.add('resize');
  else if (streams.stderr) wanted.add('stderr');
  return wanted;
}

async function run(session: ExecSession, streams: ReadonlyMap<string, SpdyStream>, gone: Promise<void>): Promise<void> {
  const error = streams.get('error');
  if (error === undefined) return;
  const client: SessionEnd = {
    stdin: streams.get('stdin'),
    stdout: streams.get('stdout'),
    stderr: streams.get('stderr'),
    resize: streams.get('resize'),
    error,
    status: true,
    gone,
  };
  await runSession(session, client);
}

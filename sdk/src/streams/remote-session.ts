import type { Readable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { ExecSession } from '../contracts/runtime/index.ts';
import type { Timers } from '../kernel/index.ts';
import { ApiError, type Status } from '../kube/index.ts';
import { channels, nodeProtocol, type ChannelProtocol } from './channel-protocol.ts';
import { ChannelSocket } from './channel-socket.ts';
import { exitCodeOf } from './exit-status.ts';
import { runSession, type SessionEnd } from './run-session.ts';
import { terminalSizeText } from './terminal-size.ts';

export interface RemoteSessionOptions {
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly timers: Timers;
  readonly idleMs: number;
  /** For messages: `node "n1" (10.0.0.1:10250)`. */
  readonly place: string;
}

const statusLimitBytes = 64 * 1024;

async function codeOf(error: Readable, place: string): Promise<number> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of error as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > statusLimitBytes) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new ApiError('ServiceUnavailable', `the connection to ${place} broke off`, undefined, { cause });
  }
  let status: Status;
  try {
    status = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Status;
  } catch (cause) {
    throw new ApiError('ServiceUnavailable', `${place} ended the session`, undefined, { cause });
  }
  return exitCodeOf(status);
}

/** A session on the other side of an open WebSocket of {@link nodeProtocol}. */
export function remoteSession(socket: WebSocket, options: RemoteSessionOptions): ExecSession {
  const { timers, idleMs, place, tty } = options;
  const channel = new ChannelSocket(socket, { protocol: nodeProtocol, timers, idleMs, tellsEnds: true });
  const stdout = channel.readable(channels.stdout);
  const stderr = tty ? undefined : channel.readable(channels.stderr);
  const exited = codeOf(channel.readable(channels.error), place);
  exited.catch(() => undefined);
  const resize = tty ? channel.writable(channels.resize) : undefined;
  return {
    stdin: options.stdin ? channel.writable(channels.stdin) : undefined,
    stdout,
    stderr,
    resize: (columns, rows) => void resize?.write(terminalSizeText({ columns, rows })),
    exited,
    kill: () => channel.terminate(),
  };
}

export interface ServedSessionOptions {
  readonly protocol: ChannelProtocol;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
  readonly timers: Timers;
  readonly idleMs: number;
  /** Ends the session: the server stops. */
  readonly signal: AbortSignal;
}

function endOf(channel: ChannelSocket, options: ServedSessionOptions): SessionEnd {
  const { stdin, stdout, stderr, tty, protocol } = options;
  return {
    stdin: stdin ? channel.readable(channels.stdin) : undefined,
    stdout: stdout ? channel.writable(channels.stdout) : undefined,
    stderr: stderr && !tty ? channel.writable(channels.stderr) : undefined,
    resize: tty ? channel.readable(channels.resize) : undefined,
    error: channel.writable(channels.error),
    status: protocol.status,
    gone: channel.closed,
  };
}

/** Serves a session over an open WebSocket. Resolves when both are over. */
export async function serveSession(
  socket: WebSocket,
  session: ExecSession,
  options: ServedSessionOptions,
): Promise<void> {
  const { protocol, timers, idleMs, signal } = options;
  const channel = new ChannelSocket(socket, { protocol, timers, idleMs, tellsEnds: false });
  const stop = (): void => channel.close(1001, 'the server stops');
  signal.addEventListener('abort', stop, { once: true });
  try {
    const client = endOf(channel, options);
    // Clients wait for a first message: it says that the connection stands.
    (client.stdout ?? client.stderr ?? client.error).write(Buffer.alloc(0));
    await runSession(session, client);
    channel.close();
    await channel.closed;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Connections to a node that last: WebSockets, and plain ones. */
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { errorMessage } from '@timonel/sdk';
import type { ApiError } from '@timonel/sdk/kube';
import { messageLimitBytes, nodeProtocol } from '@timonel/sdk/streams';
import { placeOf, type NodeAddress } from './node-address.ts';
import { refusalIn, tlsTo, unreachable, type RequestParts } from './node-request.ts';

export interface SessionParts extends RequestParts {
  readonly idleTimeoutMs: number;
}

const tcpKeepAliveMs = 15_000;

/**
 * Opens a WebSocket. `use` gets it before any message of it.
 * @throws ApiError as the node answered, or ServiceUnavailable
 */
export async function openSocket<T>(
  node: NodeAddress,
  path: string,
  parts: SessionParts,
  signal: AbortSignal,
  use: (socket: WebSocket) => T,
): Promise<T> {
  const { timers, connectTimeoutMs, answerTimeoutMs } = parts;
  const socket = new WebSocket(`wss://${placeOf(node)}${path}`, [nodeProtocol.name], {
    ...tlsTo(node, parts),
    perMessageDeflate: false,
    maxPayload: messageLimitBytes,
  });
  const withinMs = connectTimeoutMs + answerTimeoutMs;
  return new Promise<T>((resolve, reject) => {
    const giveUp = (error: ApiError): void => {
      reject(error);
      socket.terminate();
    };
    const leave = (): void => giveUp(unreachable(node, 'the request was given up'));
    const late = timers.after(withinMs, () => giveUp(unreachable(node, `no answer within ${withinMs} ms`)));
    socket.once('unexpected-response', (_request, response) => {
      refusalIn(response, node, parts).then(giveUp, giveUp);
    });
    socket.on('error', (error) => reject(unreachable(node, errorMessage(error), error)));
    socket.once('open', () => {
      late.cancel();
      resolve(use(socket));
    });
    socket.once('close', () => {
      late.cancel();
      signal.removeEventListener('abort', leave);
    });
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
  });
}

/** A connection to the node's server itself. @throws ApiError ServiceUnavailable */
export async function openPlain(node: NodeAddress, parts: RequestParts, signal: AbortSignal): Promise<Duplex> {
  const { timers, connectTimeoutMs } = parts;
  const socket: TLSSocket = connectTls({ ...tlsTo(node, parts), ALPNProtocols: ['http/1.1'] });
  socket.setKeepAlive(true, tcpKeepAliveMs);
  const giveUp = (why: string): void => void socket.destroy(new Error(why));
  const leave = (): void => giveUp('the request was given up');
  const late = timers.after(connectTimeoutMs, () => giveUp(`no connection within ${connectTimeoutMs} ms`));
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  try {
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return socket;
  } catch (error) {
    throw unreachable(node, errorMessage(error), error);
  } finally {
    late.cancel();
    signal.removeEventListener('abort', leave);
  }
}

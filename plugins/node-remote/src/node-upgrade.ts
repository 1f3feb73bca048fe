/** Upgrades of connections to a node: sessions over WebSocket, and plain connections. */
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { errorMessage } from '@timonel/sdk';
import { portProtocol } from '@timonel/sdk/contracts/node';
import type { ExecSession } from '@timonel/sdk/contracts/runtime';
import { ApiError } from '@timonel/sdk/kube';
import { messageLimitBytes, nodeProtocol, remoteSession } from '@timonel/sdk/streams';
import { placeOf, type NodeAddress } from './node-address.ts';
import { beginRequest, refusalIn, tlsTo, unreachable, type RequestParts } from './node-request.ts';

export interface SessionParts extends RequestParts {
  readonly idleTimeoutMs: number;
}

const tcpKeepAliveMs = 15_000;

/** Opens the WebSocket and makes a session of it before any message is lost. @throws ApiError as the node answered, or ServiceUnavailable */
export async function openSession(
  node: NodeAddress,
  path: string,
  parts: SessionParts,
  options: { readonly stdin: boolean; readonly tty: boolean; readonly signal: AbortSignal },
): Promise<ExecSession> {
  const { timers, idleTimeoutMs: idleMs, connectTimeoutMs, answerTimeoutMs } = parts;
  const place = `node "${node.nodeName}" (${placeOf(node)})`;
  const socket = new WebSocket(`wss://${placeOf(node)}${path}`, [nodeProtocol.name], {
    ...tlsTo(node, parts),
    perMessageDeflate: false,
    maxPayload: messageLimitBytes,
  });
  const withinMs = connectTimeoutMs + answerTimeoutMs;
  const leave = (): void => socket.terminate();
  return new Promise<ExecSession>((resolve, reject) => {
    const giveUp = (error: ApiError): void => {
      reject(error);
      leave();
    };
    const late = timers.after(withinMs, () => giveUp(unreachable(node, `no answer within ${withinMs} ms`)));
    socket.once('unexpected-response', (_request, response) => {
      refusalIn(response, node).then(giveUp, giveUp);
    });
    socket.on('error', (error) => reject(unreachable(node, errorMessage(error), error)));
    socket.once('open', () => {
      late.cancel();
      resolve(remoteSession(socket, { stdin: options.stdin, tty: options.tty, timers, idleMs, place }));
    });
    socket.once('close', () => {
      late.cancel();
      options.signal.removeEventListener('abort', leave);
    });
    options.signal.addEventListener('abort', leave, { once: true });
    if (options.signal.aborted) giveUp(unreachable(node, 'the request was given up'));
  });
}

/** A connection into a pod of the node. @throws ApiError as the node answered, or ServiceUnavailable */
export async function openPort(
  node: NodeAddress,
  path: string,
  parts: RequestParts,
  signal: AbortSignal,
): Promise<Duplex> {
  const begun = await beginRequest(node, path, parts, signal, { connection: 'Upgrade', upgrade: portProtocol });
  if (begun.kind === 'answer') throw await refusalIn(begun.response, node);
  const { socket, head } = begun;
  socket.on('error', () => undefined);
  if (head.length > 0) socket.unshift(head);
  return socket;
}

/** A connection to the node's server itself. @throws ApiError ServiceUnavailable */
export async function openPlain(node: NodeAddress, parts: RequestParts): Promise<Duplex> {
  const { timers, connectTimeoutMs } = parts;
  const socket: TLSSocket = connectTls({ ...tlsTo(node, parts), ALPNProtocols: ['http/1.1'] });
  socket.setKeepAlive(true, tcpKeepAliveMs);
  const late = timers.after(connectTimeoutMs, () =>
    socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
  );
  try {
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return socket;
  } catch (error) {
    throw unreachable(node, errorMessage(error), error);
  } finally {
    late.cancel();
  }
}

/** Passes a request on to a server in the cluster, and its answer back. */
import { request as httpRequest, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { errorMessage } from '@timonel/sdk';
import type { HttpConnection } from '@timonel/sdk/contracts/api-server';
import { ApiError } from '@timonel/sdk/kube';
import { joinStreams } from '@timonel/sdk/streams';
import type { ConnectionCall } from './connection-call.ts';
import { requestHeaders, responseHeaders } from './proxy-headers.ts';
import { takeOver, upgradeOf } from './upgrade.ts';

export interface ProxiedPath {
  /** Up to `/proxy`, as the client sent it. */
  readonly root: string;
  /** What comes after, with its slash; empty without. */
  readonly tail: string;
  /** With its question mark; empty without. */
  readonly search: string;
}

export interface ProxyRules {
  /** Absent: an answer may begin at any time. */
  readonly answerWithinMs?: number;
  /** Default true. Whoever follows a redirect may take credentials along that are meant for this server alone. */
  readonly forwardsRedirects?: boolean;
}

function unreachable(error: unknown): ApiError {
  const message = `error trying to reach service: ${errorMessage(error)}`;
  return new ApiError('ServiceUnavailable', message, undefined, { cause: error });
}

/** Redirects to the same server lead through the proxy. */
function rewriteFor(connection: HttpConnection, { root }: ProxiedPath): (location: string) => string {
  return (location) => {
    try {
      const base = `${connection.secure ? 'https' : 'http'}://${connection.host}`;
      const url = new URL(location, base);
      if (url.origin !== new URL(base).origin || !/^(\/|https?:)/i.test(location)) return location;
      return `${root}${url.pathname}${url.search}${url.hash}`;
    } catch {
      return location;
    }
  };
}

async function upstreamOf(connection: HttpConnection): Promise<Duplex> {
  const plain = await connection.dial();
  plain.on('error', () => undefined);
  if (!connection.secure) return plain;
  // Pods have certificates of their own; Kubernetes does not check them either.
  const secured = connectTls({ socket: plain, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
  secured.on('error', () => plain.destroy());
  plain.once('close', () => secured.destroy());
  return secured;
}

function rawHead(response: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${response.statusCode ?? 101} ${response.statusMessage ?? ''}`];
  const { rawHeaders } = response;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function switchProtocols(
  call: ConnectionCall,
  answer: IncomingMessage,
  { socket, head }: { readonly socket: Duplex; readonly head: Buffer },
): void {
  const taken = takeOver(call.request, call.response);
  if (taken === undefined) {
    socket.destroy();
    call.leave();
    return;
  }
  taken.socket.write(rawHead(answer));
  if (taken.head.length > 0) taken.socket.unshift(taken.head);
  if (head.length > 0) socket.unshift(head);
  const work = joinStreams(taken.socket, socket);
  call.connections.detach(work, call.leave);
}

function isRedirect({ statusCode = 0, headers }: IncomingMessage): boolean {
  return statusCode >= 300 && statusCode < 400 && headers.location !== undefined;
}

function refuseRedirect({ response }: ConnectionCall, answer: IncomingMessage): void {
  answer.destroy();
  const message = 'the backend attempted to redirect this request, which is not permitted';
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 502 };
  response.writeHead(502, { 'content-type': 'application/json' }).end(JSON.stringify(status));
}

function sendBack({ response }: ConnectionCall, answer: IncomingMessage, rewrite: (location: string) => string): void {
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, responseHeaders(answer, rewrite));
  response.flushHeaders();
  answer.on('error', () => response.destroy());
  answer.once('aborted', () => response.destroy());
  answer.pipe(response);
}

/** Sends the request; resolves when the answer has begun. */
function exchange(
  call: ConnectionCall,
  upstream: ClientRequest,
  onAnswer: (answer: IncomingMessage) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    upstream.once('error', (error) => {
      call.leave();
      reject(unreachable(error));
    });
    upstream.once('response', (answer) => {
      upstream.on('error', () => undefined);
      onAnswer(answer);
      resolve();
    });
    upstream.once('upgrade', (answer, socket, head) => {
      upstream.on('error', () => undefined);
      switchProtocols(call, answer, { socket, head });
      resolve();
    });
  });
}

function redirected(response: ServerResponse, { root, search }: ProxiedPath): void {
  response.writeHead(301, { location: `${root}/${search}`, 'content-length': '0' }).end();
}

/** @throws ApiError ServiceUnavailable while nothing has been answered */
export async function proxyHttp(
  call: ConnectionCall,
  connection: HttpConnection,
  path: ProxiedPath,
  { answerWithinMs, forwardsRedirects = true }: ProxyRules = {},
): Promise<void> {
  const { request, response } = call;
  const upgrade = upgradeOf(request) === undefined ? undefined : request.headers.upgrade;
  if (path.tail === '' && upgrade === undefined && (request.method === 'GET' || request.method === 'HEAD')) {
    // Relative links of a page would miss their target otherwise.
    redirected(response, path);
    call.leave();
    return;
  }
  const socket = await upstreamOf(connection).catch((error: unknown) => Promise.reject(asUnreachable(error)));
  const upstream = httpRequest({
    createConnection: () => socket,
    method: request.method,
    path: `${path.tail === '' ? '/' : path.tail}${path.search}`,
    headers: [...requestHeaders(request, connection.host, upgrade), ...(connection.headers ?? [])] as never,
    setHost: false,
  });
  response.once('close', () => {
    upstream.destroy();
    socket.destroy();
    call.leave();
  });
  if (response.destroyed || request.socket.destroyed) socket.destroy();
  request.on('error', () => upstream.destroy());
  request.pipe(upstream);
  const late = (): void => void upstream.destroy(new Error(`no answer within ${answerWithinMs} ms`));
  const timer = answerWithinMs === undefined ? undefined : call.connections.env.timers.after(answerWithinMs, late);
  const answered = exchange(call, upstream, (answer) => {
    if (!forwardsRedirects && isRedirect(answer)) refuseRedirect(call, answer);
    else sendBack(call, answer, rewriteFor(connection, path));
  });
  await answered.finally(() => timer?.cancel());
}

/** A refusal of the node or of the handler says enough. */
function asUnreachable(error: unknown): unknown {
  return (error as { name?: unknown } | null)?.name === 'ApiError' ? error : unreachable(error);
}

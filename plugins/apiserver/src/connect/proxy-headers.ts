/** What of the headers goes through a proxy, and what the proxy adds. */
import type { IncomingMessage } from 'node:http';
import { offeredProtocols } from './bearer-protocol.ts';
import { listOf } from './upgrade.ts';

/** Of one connection only. Source: RFC 9110, 7.6.1. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Whatever proves who the caller is stays here. */
const secret: ReadonlySet<string> = new Set(['authorization', 'host', 'expect', 'sec-websocket-protocol']);
/** What only proxies say, of who the caller is and what was asked for: servers behind one believe it. Some read `_` as `-`. */
const saidByProxies = /^(?:forwarded$|x-forwarded-|x-real-ip$|x-remote-|impersonate-)/;

function isForServer(name: string): boolean {
  return !secret.has(name) && !saidByProxies.test(name.replaceAll('_', '-'));
}

function passing(message: IncomingMessage, wanted: (name: string) => boolean): string[] {
  const named = new Set(listOf(message.headers.connection).map((name) => name.toLowerCase()));
  const { rawHeaders } = message;
  const kept: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    const lower = name.toLowerCase();
    if (!hopByHop.has(lower) && !named.has(lower) && wanted(lower)) kept.push(name, value);
  }
  return kept;
}

/** Names and values in turn, for the server behind the proxy. `upgrade`: the protocol that is asked for. */
export function requestHeaders(request: IncomingMessage, host: string, upgrade: string | undefined): string[] {
  const headers = ['Host', host, ...passing(request, isForServer)];
  const forwarded = request.headers['x-forwarded-for'];
  const address = request.socket.remoteAddress ?? '';
  headers.push('X-Forwarded-For', forwarded === undefined ? address : `${String(forwarded)}, ${address}`);
  headers.push('X-Forwarded-Host', request.headers.host ?? '', 'X-Forwarded-Proto', 'https');
  headers.push('X-Forwarded-Uri', request.url ?? '/');
  if (request.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked');
  if (upgrade !== undefined) headers.push('Connection', 'Upgrade', 'Upgrade', upgrade);
  const protocols = offeredProtocols(request);
  if (protocols.length > 0) headers.push('Sec-WebSocket-Protocol', protocols.join(', '));
  return headers;
}

/** Of the answer. `rewrite` changes what Location says. */
export function responseHeaders(response: IncomingMessage, rewrite: (location: string) => string): string[] {
  const headers = passing(response, () => true);
  return headers.map((value, index) =>
    index % 2 === 1 && headers[index - 1]?.toLowerCase() === 'location' ? rewrite(value) : value,
  );
}

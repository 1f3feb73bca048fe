/** Tokens of browsers: they cannot set headers of a WebSocket, so the token is one of the sub-protocols. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { listOf } from './upgrade.ts';

const prefix = 'base64url.bearer.authorization.k8s.io.';
const tokenLimit = 16_384;

/** The sub-protocols that a WebSocket offers, without a token. */
export function offeredProtocols(request: IncomingMessage): string[] {
  return listOf(request.headers['sec-websocket-protocol']).filter((name) => !name.startsWith(prefix));
}

/** The token in the sub-protocols of a WebSocket. Undefined: there is none, or it is no token. */
export function protocolToken(request: IncomingMessage): string | undefined {
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') return undefined;
  const names = listOf(request.headers['sec-websocket-protocol']);
  const found = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  // The answer names one of the others: a token alone would leave none.
  const [encoded = '', ...more] = found;
  if (more.length > 0 || names.length < 2 || !/^[\w-]+$/.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64url');
  if (bytes.length > tokenLimit || !isUtf8(bytes)) return undefined;
  return bytes.toString('utf8');
}

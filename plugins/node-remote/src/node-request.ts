/** One request to a node: certain of whom it speaks to, and with a bound on how long it waits. */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ConnectionOptions, PeerCertificate, TLSSocket } from 'node:tls';
import { errorMessage, type Timers } from '@timonel/sdk';
import { ApiError, apiErrorOf, reasonOfCode, type Status } from '@timonel/sdk/kube';
import { readCertificate } from '@timonel/sdk/pki';
import type { Credentials } from '@timonel/sdk/tls';
import { placeOf, type NodeAddress } from './node-address.ts';

export interface RequestParts {
  readonly timers: Timers;
  readonly connectTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly credentials: Credentials;
}

const tcpKeepAliveMs = 10_000;
const errorBodyLimitBytes = 64 * 1024;

export function unreachable(node: NodeAddress, why: string, cause?: unknown): ApiError {
  const message = `node "${node.nodeName}" (${placeOf(node)}) cannot be reached: ${why}`;
  return new ApiError('ServiceUnavailable', message, undefined, { cause });
}

/** Addresses move between machines; the name in the certificate does not. */
function identityCheck({ nodeName }: NodeAddress): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (_host, certificate) => {
    const { commonName, organizations } = readCertificate(certificate.raw);
    if (commonName === `system:node:${nodeName}` && organizations.includes('system:nodes')) return undefined;
    return new Error(`its certificate is that of "${commonName}"`);
  };
}

/** The head of a successful answer. @throws ApiError as the node answered, or ServiceUnavailable */
export async function askNode(
  node: NodeAddress,
  path: string,
  parts: RequestParts,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const response = await send(node, path, parts, signal);
  if (response.statusCode === 200) return response;
  throw await refusalIn(response, node, parts);
}

/** The error that a refusing answer stands for. @throws ApiError ServiceUnavailable when it breaks off */
export async function refusalIn(response: IncomingMessage, node: NodeAddress, parts: RequestParts): Promise<ApiError> {
  return refusalOf(response.statusCode ?? 0, await textOf(response, node, parts, errorBodyLimitBytes), node);
}

/** How to reach a node by TLS, and be certain that it is the one. */
export function tlsTo(node: NodeAddress, { credentials }: RequestParts): ConnectionOptions {
  const { ca, cert, key } = credentials;
  return {
    host: node.host,
    port: node.port,
    ca,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    minVersion: 'TLSv1.2',
    checkServerIdentity: identityCheck(node),
  };
}

function refusalOf(code: number, text: string, node: NodeAddress): ApiError {
  try {
    const value = JSON.parse(text) as Partial<Status>;
    // A node that does not let this control plane in is a fault of the cluster, not of whoever asked.
    if (value.kind === 'Status' && code !== 401 && code !== 403) return apiErrorOf(value as Status);
    return unreachable(node, `it refuses this control plane: ${value.message ?? `it answered ${code}`}`);
  } catch {
    return new ApiError(reasonOfCode(code), `node "${node.nodeName}" (${placeOf(node)}) answered ${code}`);
  }
}

function send(node: NodeAddress, path: string, parts: RequestParts, signal: AbortSignal): Promise<IncomingMessage> {
  const { timers, connectTimeoutMs, answerTimeoutMs } = parts;
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      ...tlsTo(node, parts),
      path,
      // Each request has a connection of its own: they are few, and logs are long.
      agent: false,
    });
    const giveUp = (why: string): void => void request.destroy(unreachable(node, why));
    let timer = timers.after(connectTimeoutMs, () => giveUp(`no connection within ${connectTimeoutMs} ms`));
    const onAbort = (): void => giveUp('the request was given up');
    request.once('socket', (socket) => {
      socket.setKeepAlive(true, tcpKeepAliveMs);
      (socket as TLSSocket).once('secureConnect', () => {
        timer.cancel();
        timer = timers.after(answerTimeoutMs, () => giveUp(`no answer within ${answerTimeoutMs} ms`));
      });
    });
    request.once('response', (response) => {
      timer.cancel();
      resolve(response);
    });
    request.on('error', (error) => {
      timer.cancel();
      reject(asUnreachable(node, error));
    });
    request.once('close', () => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else request.end();
  });
}

function asUnreachable(node: NodeAddress, error: unknown): unknown {
  return (error as { name?: string }).name === 'ApiError' ? error : unreachable(node, errorMessage(error), error);
}

/** The body of a short answer, cut off at the limit. It has as long as its head. @throws ApiError ServiceUnavailable */
export async function textOf(
  response: IncomingMessage,
  node: NodeAddress,
  { timers, answerTimeoutMs }: RequestParts,
  limitBytes: number,
): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const late = timers.after(answerTimeoutMs, () =>
    response.destroy(unreachable(node, `only a part of its answer within ${answerTimeoutMs} ms`)),
  );
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limitBytes) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw asUnreachable(node, error);
  } finally {
    late.cancel();
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** One HTTPS request: what was sent for certain, and what was not, is told apart. */
import type { Agent } from 'node:https';
import { request as httpsRequest } from 'node:https';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { errorMessage, type Timers } from '@timonel/sdk';
import { TransportError } from './transport-error.ts';

export interface HttpRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  /** Aborted by whoever asked. */
  readonly signal?: AbortSignal | undefined;
}

export interface ExchangeParts {
  readonly url: URL;
  readonly agent: Agent;
  readonly timers: Timers;
  readonly connectTimeoutMs: number;
  /** Until the head of the answer is there. */
  readonly timeoutMs: number;
  /** Requests that are under way: whoever destroys one ends it. */
  readonly inFlight: Set<ClientRequest>;
}

interface Progress {
  sent: boolean;
  stale: boolean;
}

/** Resolves with the head of the answer; its body is read by the caller. @throws TransportError */
export function exchange(parts: ExchangeParts, asked: HttpRequest): Promise<IncomingMessage> {
  const { url, agent, timers, inFlight } = parts;
  const { method, path, body, signal } = asked;
  return new Promise((resolve, reject) => {
    const progress: Progress = { sent: false, stale: false };
    const headers = { ...asked.headers, ...(body === undefined ? {} : { 'content-length': String(body.length) }) };
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const request = httpsRequest({ host, port: url.port === '' ? 443 : url.port, method, path, headers, agent });
    const end = (what: string, timedOut: boolean): void =>
      void request.destroy(new TransportError(`${url.host}: ${what}`, { ...progress, timedOut }));
    const onAbort = (): void => end('the request was given up', false);
    const timer = timers.after(parts.timeoutMs, () => end(`no answer within ${parts.timeoutMs} ms`, true));
    inFlight.add(request);
    request.once('socket', (socket) => watchConnection(parts, request, socket as TLSSocket, progress, end));
    request.once('response', (response) => {
      timer.cancel();
      resolve(response);
    });
    request.on('error', (error) => {
      timer.cancel();
      const known = (error as { name?: string }).name === 'TransportError';
      reject(known ? error : new TransportError(`${url.host}: ${errorMessage(error)}`, progress, { cause: error }));
    });
    request.once('close', () => {
      timer.cancel();
      inFlight.delete(request);
      signal?.removeEventListener('abort', onAbort);
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    else request.end(body);
  });
}

function watchConnection(
  parts: ExchangeParts,
  request: ClientRequest,
  socket: TLSSocket,
  progress: Progress,
  end: (what: string, timedOut: boolean) => void,
): void {
  if (request.reusedSocket) {
    progress.sent = true;
    progress.stale = true;
    request.once('response', () => (progress.stale = false));
    return;
  }
  const { timers, connectTimeoutMs } = parts;
  const timer = timers.after(connectTimeoutMs, () => end(`no connection within ${connectTimeoutMs} ms`, true));
  socket.once('secureConnect', () => {
    timer.cancel();
    progress.sent = true;
  });
  request.once('close', () => timer.cancel());
}

/** The whole body. @throws TransportError when it breaks off, takes too long or is too large. */
export async function readBody(
  response: IncomingMessage,
  limits: { readonly timers: Timers; readonly timeoutMs: number; readonly limitBytes: number },
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const { timers, timeoutMs, limitBytes } = limits;
  const fail = (what: string, timedOut: boolean): TransportError => new TransportError(what, { sent: true, timedOut });
  const timer = timers.after(timeoutMs, () =>
    response.destroy(fail(`the answer was not complete within ${timeoutMs} ms`, true)),
  );
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limitBytes) throw fail(`the answer is larger than ${limitBytes} bytes: ask for it in pages`, false);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    if ((error as { name?: string }).name === 'TransportError') throw error;
    throw new TransportError(`the answer broke off: ${errorMessage(error)}`, { sent: true }, { cause: error });
  } finally {
    timer.cancel();
  }
}

/** One HTTP request, to the head of its answer. */
import { request as httpRequest, type Agent, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';
import { errorCode, type Timers } from '@timonel/sdk';
import { proxyHeaders } from '../hosts/proxies.ts';
import { connectionProblem, RegistryFailure, untrusted } from '../failure.ts';
import { Countdown } from './countdown.ts';
import { sendBody, type StreamedBody } from './send-body.ts';

export interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | StreamedBody | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExchangeParts {
  readonly agent: Agent;
  /** That gets the request with the whole address. Undefined: the host itself, by whatever way its agent goes. */
  readonly proxy: URL | undefined;
  /** In place of the usual resolution of names. */
  readonly lookup: LookupFunction | undefined;
  readonly timers: Timers;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly stallTimeoutMs: number;
  /** Requests that are under way: whoever destroys one ends it. */
  readonly inFlight: Set<ClientRequest>;
}

// Of certificates that are not trusted, and of their names; Node has some thirty of them.
const certificateCodes =
  /^(?:CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|CRL_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|ERROR_IN_CERT)/;

function failureOf(url: URL, error: unknown, reused: boolean): RegistryFailure {
  if ((error as { name?: unknown }).name === 'RegistryFailure') return error as RegistryFailure;
  const code = errorCode(error) ?? '';
  const problem = connectionProblem(error);
  if (certificateCodes.test(code)) {
    const advice = 'name its authority in caFile of the registry, or correct the certificate';
    return untrusted(`the certificate of ${url.host} is not trusted (${problem})`, advice);
  }
  if (code.startsWith('HPE_')) return untrusted(`${url.host} does not answer in HTTP (${problem})`);
  const message = `no connection to ${url.host}: ${problem}`;
  const advice = adviceFor(code, url);
  return new RegistryFailure('unreachable', message, {
    cause: error,
    stale: reused,
    final: code === 'ENOTFOUND',
    advice,
  });
}

function adviceFor(code: string, url: URL): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'check the host in the name of the image, and name resolution';
  if (code === 'ECONNREFUSED') return 'check that the registry runs and the port is right';
  if (code === 'EPROTO' && url.protocol === 'https:')
    return `if it speaks plain HTTP only, list ${url.host} in insecurePlainHttp`;
  return 'check the network between this node and the registry';
}

/**
 * Resolves with the head of the answer; its body is read by the caller. Requests that wait for a connection of their host wait for
 * others' transfers, which have limits of their own. @throws RegistryFailure, or the reason of the signal
 */
export function exchange(parts: ExchangeParts, asked: HttpRequest): Promise<IncomingMessage> {
  const { agent, lookup, timers, inFlight } = parts;
  const { url, method, headers, body, signal } = asked;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const to = parts.proxy ?? url;
    const host = to.hostname.replace(/^\[|\]$/g, '');
    const streamed = body !== undefined && 'size' in body;
    const length = body === undefined ? {} : { 'content-length': String(streamed ? body.size : body.length) };
    const path = `${parts.proxy === undefined ? '' : url.origin}${url.pathname}${url.search}`;
    const port = to.port === '' ? undefined : to.port;
    const more = parts.proxy === undefined ? {} : { host: url.host, ...proxyHeaders(parts.proxy) };
    const request = send({ host, port, method, path, agent, lookup, headers: { ...headers, ...length, ...more } });
    const advice = 'check that the registry is well, and the network';
    const countdown = new Countdown(timers, (what) => {
      request.destroy(new RegistryFailure('unreachable', `${url.host}: ${what}`, { advice }));
    });
    const onAbort = (): void => void request.destroy();
    inFlight.add(request);
    request.once('socket', (socket: Socket) => {
      const connected = (): void => onConnected(request, body, parts, countdown);
      if (request.reusedSocket || !socket.connecting) connected();
      else {
        countdown.begin(parts.connectTimeoutMs, 'no connection');
        socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
      }
    });
    request.once('response', (response) => {
      countdown.close();
      resolve(response);
    });
    request.on('error', (error) => {
      countdown.close();
      reject(signal?.aborted === true ? (signal.reason as Error) : failureOf(url, error, request.reusedSocket));
    });
    request.once('close', () => {
      countdown.close();
      inFlight.delete(request);
      signal?.removeEventListener('abort', onAbort);
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    if (!streamed) request.end(body);
  });
}

function onConnected(
  request: ClientRequest,
  body: HttpRequest['body'],
  { requestTimeoutMs, stallTimeoutMs }: ExchangeParts,
  countdown: Countdown,
): void {
  const awaitAnswer = (): void => countdown.begin(requestTimeoutMs, 'no answer');
  if (body === undefined || !('size' in body)) {
    awaitAnswer();
    return;
  }
  countdown.pause();
  void sendBody(request, body, (state) => {
    if (state === 'sent') awaitAnswer();
    else if (state === 'registry') countdown.begin(stallTimeoutMs, 'nothing more was taken');
    else countdown.pause();
  });
}

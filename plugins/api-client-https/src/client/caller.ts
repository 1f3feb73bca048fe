/** Brings one request to a server that answers it. */
import type { Env } from '@timonel/sdk';
import { ApiError } from '@timonel/sdk/kube';
import type { ServerSet } from '../servers/server-set.ts';
import type { Purpose, Server } from '../servers/server.ts';
import { readBody, type HttpRequest } from '../transport/exchange.ts';
import { isTransportError } from '../transport/transport-error.ts';
import { failureOf, unknownOutcome, unreachable } from './failures.ts';
import type { IncomingMessage } from 'node:http';

export interface CallerOptions {
  readonly servers: ServerSet;
  readonly env: Env;
  readonly requestTimeoutMs: number;
  readonly responseLimitBytes: number;
}

/** Codes with which a server says that it, and not the request, is in trouble. */
const troubled = new Set([502, 503, 504]);
const errorBodyLimitBytes = 1024 * 1024;

export interface Answer {
  readonly contentType: string;
  readonly body: Buffer;
}

export class Caller {
  readonly #options: CallerOptions;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /** The body of a successful answer. @throws ApiError */
  async call(request: HttpRequest): Promise<Answer> {
    const { env, requestTimeoutMs, responseLimitBytes } = this.#options;
    return this.#overServers(request, async (server) => {
      const response = await this.#open(server, 'request', request);
      const limits = { timers: env.timers, timeoutMs: requestTimeoutMs, limitBytes: responseLimitBytes };
      const body = await readBody(response, limits);
      return { contentType: response.headers['content-type'] ?? '', body };
    });
  }

  /** The head of a watch that has begun. @throws ApiError */
  watch(request: HttpRequest): Promise<IncomingMessage> {
    return this.#overServers(request, (server) => this.#open(server, 'watch', request));
  }

  async #open(server: Server, purpose: Purpose, request: HttpRequest): Promise<IncomingMessage> {
    const { env, requestTimeoutMs } = this.#options;
    const response = await server.send(purpose, request, requestTimeoutMs);
    const code = response.statusCode ?? 0;
    if (code >= 200 && code < 300) return response;
    const limits = { timers: env.timers, timeoutMs: requestTimeoutMs, limitBytes: errorBodyLimitBytes };
    throw failureOf(code, await readBody(response, limits));
  }

  /**
   * Reads go on to the next server until one answers. A write goes on only when it certainly was not done: it would else be
   * done twice, or done after the caller has decided otherwise.
   */
  async #overServers<T>(request: HttpRequest, attempt: (server: Server) => Promise<T>): Promise<T> {
    const { servers } = this.#options;
    const repeatable = request.method === 'GET';
    const tried = new Set<Server>();
    let again: Server | undefined;
    let last: unknown;
    for (;;) {
      const server = again ?? servers.pick(tried);
      if (server === undefined) throw lastWord(last, servers);
      tried.add(server);
      try {
        const result = await attempt(server);
        servers.succeeded(server);
        return result;
      } catch (error) {
        if (request.signal?.aborted === true) throw unreachable(error);
        last = error;
        const isLost = isTransportError(error);
        if (isLost && error.stale && repeatable && again === undefined) {
          again = server;
          continue;
        }
        again = undefined;
        if (!isLost && !isTroubled(error)) throw error;
        servers.failed(server);
        if (repeatable || wasNotDone(error)) continue;
        throw isLost ? unknownOutcome(error) : error;
      }
    }
  }
}

function isTroubled(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && troubled.has(error.code as number);
}

/** The request did not arrive, or the server says by Retry-After that it may simply be sent again. */
function wasNotDone(error: unknown): boolean {
  if (isTransportError(error)) return !error.sent;
  const { code, status } = error as ApiError;
  return code === 503 && status.details?.retryAfterSeconds !== undefined;
}

function lastWord(last: unknown, servers: ServerSet): ApiError {
  if (last !== undefined) return isTransportError(last) ? unreachable(last) : (last as ApiError);
  const names = servers.all().map(({ url }) => url.host);
  return new ApiError('ServiceUnavailable', `no API server can be reached at the moment: ${names.join(', ')}`);
}

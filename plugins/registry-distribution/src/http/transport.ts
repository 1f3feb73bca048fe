/** Requests with their redirects, over connections that are kept. */
import type { ClientRequest } from 'node:http';
import type { Env } from '@timonel/sdk';
import type { RegistryConfig } from '../config.ts';
import { RegistryFailure, untrusted } from '../failure.ts';
import { ownAuthority } from '../hosts/endpoints.ts';
import { Proxies } from '../hosts/proxies.ts';
import { checkedTarget, mayCarrySecrets, type PlainHosts } from '../hosts/target.ts';
import { guardFor } from '../hosts/guarded-lookup.ts';
import { Agents } from './agents.ts';
import { discard, header, type Answer } from './answer.ts';
import { exchange, type HttpRequest } from './exchange.ts';

export interface TransportRequest extends HttpRequest {
  /** Goes to the origin of `url` only, never along with a redirect to another. */
  readonly authorization?: string | undefined;
  readonly plain: PlainHosts;
  /** The registry that named this address; absent: nobody but the user did. */
  readonly from?: URL | undefined;
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const redirectLimit = 5;

export class Transport {
  readonly #env: Env;
  readonly #config: RegistryConfig;
  readonly #agents: Agents;
  readonly #proxies: Proxies;
  readonly #inFlight = new Set<ClientRequest>();
  #closed = false;

  constructor(env: Env, config: RegistryConfig) {
    this.#env = env;
    this.#config = config;
    const hosts = new Map(config.registries.map((host) => [ownAuthority(host.registry, 'https'), host]));
    this.#proxies = new Proxies(config);
    this.#agents = new Agents({ env, hosts, proxies: this.#proxies, config });
  }

  /** Follows redirects of GET and HEAD. @throws RegistryFailure, or the reason of the signal */
  async send(request: TransportRequest): Promise<Answer> {
    let { url, authorization } = request;
    for (let hops = 0; ; hops++) {
      const answer = await this.#once(request, url, authorization);
      if (!redirects.has(answer.status) || !/^(?:GET|HEAD)$/.test(request.method)) return answer;
      discard(answer);
      if (hops === redirectLimit) throw untrusted(`${request.url.host} redirects more than ${redirectLimit} times`);
      url = checkedTarget(url, header(answer, 'location'), 'a redirect', request.plain);
      if (url.origin !== request.url.origin) authorization = undefined;
    }
  }

  close(): void {
    this.#closed = true;
    for (const request of this.#inFlight)
      request.destroy(new RegistryFailure('unreachable', 'the client of registries was closed', { final: true }));
    this.#agents.close();
  }

  async #once(request: TransportRequest, url: URL, authorization: string | undefined): Promise<Answer> {
    const { method, body, signal, plain } = request;
    const secret = authorization !== undefined && mayCarrySecrets(url, plain) ? { authorization } : {};
    const headers = { 'user-agent': 'timonel', 'accept-encoding': 'identity', ...request.headers, ...secret };
    const { connectTimeoutMs, requestTimeoutMs, stallTimeoutMs } = this.#config;
    const agent = await this.#agents.for(url);
    if (this.#closed) throw new RegistryFailure('unreachable', 'the client of registries is closed', { final: true });
    const { timers } = this.#env;
    const proxy = url.protocol === 'http:' ? this.#proxies.for(url) : undefined;
    const lookup = proxy === undefined ? guardFor(request.from ?? request.url, url) : undefined;
    const parts = {
      agent,
      proxy,
      lookup,
      timers,
      connectTimeoutMs,
      requestTimeoutMs,
      stallTimeoutMs,
      inFlight: this.#inFlight,
    };
    const message = await exchange(parts, { url, method, headers, body, signal });
    const crossed = url.origin !== request.url.origin;
    return { method, status: message.statusCode ?? 0, message, url, crossed, timers };
  }
}

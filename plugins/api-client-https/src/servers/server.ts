/** One API server: its connections, and what is known of its health. */
import { Agent } from 'node:https';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Env } from '@timonel/sdk';
import { exchange, type HttpRequest } from '../transport/exchange.ts';
import { checkApiServerIdentity } from '@timonel/sdk/pki';
import type { Credentials } from '@timonel/sdk/tls';
import { TransportError } from '../transport/transport-error.ts';

export type Purpose = 'request' | 'watch' | 'probe';

export interface ServerOptions {
  readonly env: Env;
  readonly connectTimeoutMs: number;
  readonly connections: number;
  credentials(): Credentials;
}

const firstBackOffMs = 250;
const longestBackOffMs = 3000;
const tcpKeepAliveMs = 10_000;
/** Shorter than servers keep an idle connection, so that a request seldom meets one that is being closed. */
const idleConnectionMs = 60_000;

export class Server {
  readonly url: URL;
  readonly #options: ServerOptions;
  readonly #inFlight: Record<Purpose, Set<ClientRequest>> = { request: new Set(), watch: new Set(), probe: new Set() };
  #agents: Record<Purpose, Agent>;
  #failures = 0;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  /** Probes in a row that found it unwell. */
  illProbes = 0;

  constructor(url: string, options: ServerOptions) {
    this.url = new URL(url);
    this.#options = options;
    this.#agents = this.#makeAgents();
  }

  /** False: it failed a moment ago. */
  get isDue(): boolean {
    return this.#options.env.clock.monotonic() >= this.#retryAtMs;
  }

  get watches(): number {
    return this.#inFlight.watch.size;
  }

  /** @throws TransportError */
  send(purpose: Purpose, request: HttpRequest, timeoutMs: number): Promise<IncomingMessage> {
    const { env, connectTimeoutMs } = this.#options;
    const { token } = this.#options.credentials();
    const headers = { ...request.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
    const inFlight = this.#inFlight[purpose];
    const parts = { url: this.url, timers: env.timers, connectTimeoutMs, timeoutMs, inFlight };
    return exchange({ ...parts, agent: this.#agents[purpose] }, { ...request, headers });
  }

  succeeded(): void {
    this.#failures = 0;
    this.#retryAtMs = Number.NEGATIVE_INFINITY;
  }

  failed(): void {
    // Requests that fail together count once.
    if (!this.isDue) return;
    const delayMs = Math.min(longestBackOffMs, firstBackOffMs * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    this.#retryAtMs = this.#options.env.clock.monotonic() + delayMs;
  }

  /** Ends everything that is under way with it. */
  drop(why: string): void {
    for (const requests of Object.values(this.#inFlight)) {
      for (const request of requests) request.destroy(new TransportError(`${this.url.host}: ${why}`, { sent: true }));
    }
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  /** New connections are made with the credentials of now; what is under way ends by itself. */
  renew(): void {
    const former = this.#agents;
    this.#agents = this.#makeAgents();
    for (const agent of Object.values(former)) retire(agent);
  }

  #makeAgents(): Record<Purpose, Agent> {
    const { connections } = this.#options;
    return { request: this.#makeAgent(connections), watch: this.#makeAgent(Infinity), probe: this.#makeAgent(2) };
  }

  #makeAgent(maxSockets: number): Agent {
    const { ca, cert, key } = this.#options.credentials();
    return new Agent({
      keepAlive: true,
      keepAliveMsecs: tcpKeepAliveMs,
      maxSockets,
      maxFreeSockets: Math.min(maxSockets, 4),
      timeout: idleConnectionMs,
      scheduling: 'lifo',
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      ca,
      checkServerIdentity: checkApiServerIdentity,
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
  }
}

/** Closes the idle connections now and the others after their request. */
function retire(agent: Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

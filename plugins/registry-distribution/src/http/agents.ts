/** Connections, kept open between requests. */
import { Agent as HttpAgent, type AgentOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Env } from '@timonel/sdk';
import type { RegistryConfig, RegistryHostConfig } from '../config.ts';
import type { Proxies } from '../hosts/proxies.ts';
import { fingerprintOf, secureContextOf } from './client-identity.ts';
import { dialled } from './dialled.ts';
import { throughProxy, throughSocket, type Dial } from './dials.ts';

const idleMs = 30_000;
const recheckMs = 10_000;

interface OwnAgent {
  readonly agent: HttpsAgent;
  readonly fingerprint: string;
  checkedAt: number;
}

export interface AgentsParts {
  readonly env: Env;
  /** What is special about `host[:port]`. */
  readonly hosts: ReadonlyMap<string, RegistryHostConfig>;
  readonly proxies: Pick<Proxies, 'for'>;
  readonly config: Pick<RegistryConfig, 'connectionsPerHost' | 'connectTimeoutMs' | 'tunnelSocket'>;
}

export class Agents {
  readonly #parts: AgentsParts;
  readonly #plain: HttpAgent;
  /** By the proxy; the empty one: straight. */
  readonly #usual = new Map<string, HttpsAgent>();
  readonly #own = new Map<string, OwnAgent>();

  constructor(parts: AgentsParts) {
    this.#parts = parts;
    // What goes plainly through a proxy names its address in the request.
    this.#plain = this.#through(new HttpAgent(this.#options()), this.#tunnel());
  }

  /** @throws RegistryFailure untrusted, when a file of certificates or the proxy cannot be used */
  async for(url: URL): Promise<HttpAgent> {
    if (url.protocol === 'http:') return this.#plain;
    const proxy = this.#parts.proxies.for(url);
    const host = this.#parts.hosts.get(url.host);
    if (host !== undefined) return await this.#withCertificates(host, proxy);
    const key = proxy?.href ?? '';
    const known = this.#usual.get(key) ?? this.#through(new HttpsAgent(this.#options()), this.#way(proxy));
    this.#usual.set(key, known);
    return known;
  }

  close(): void {
    const own = [...this.#own.values()].map(({ agent }) => agent);
    for (const agent of [this.#plain, ...this.#usual.values(), ...own]) agent.destroy();
    this.#usual.clear();
    this.#own.clear();
  }

  /** A file that was replaced is read again. */
  async #withCertificates(host: RegistryHostConfig, proxy: URL | undefined): Promise<HttpsAgent> {
    const key = `${host.registry} ${proxy?.href ?? ''}`;
    const known = this.#own.get(key);
    const now = this.#parts.env.clock.monotonic();
    if (known !== undefined && now - known.checkedAt < recheckMs) return known.agent;
    const fingerprint = await fingerprintOf(host);
    if (known?.fingerprint === fingerprint) {
      known.checkedAt = now;
      return known.agent;
    }
    const secureContext = await secureContextOf(host);
    const agent = this.#through(new HttpsAgent({ ...this.#options(), secureContext }), this.#way(proxy));
    if (known !== undefined) closeIdle(known.agent);
    this.#own.set(key, { agent, fingerprint, checkedAt: now });
    return agent;
  }

  #tunnel(): Dial | undefined {
    const { tunnelSocket, connectTimeoutMs } = this.#parts.config;
    return tunnelSocket === '' ? undefined : throughSocket(tunnelSocket, connectTimeoutMs);
  }

  #way(proxy: URL | undefined): Dial | undefined {
    const tunnel = this.#tunnel();
    return proxy === undefined ? tunnel : throughProxy(proxy, this.#parts.config.connectTimeoutMs, tunnel);
  }

  #through<A extends HttpAgent>(agent: A, dial: Dial | undefined): A {
    return dial === undefined ? agent : dialled(agent, dial, this.#parts.config.connectTimeoutMs);
  }

  #options(): AgentOptions {
    const { connectionsPerHost: maxSockets, connectTimeoutMs } = this.#parts.config;
    // Of several addresses each gets a fair part of the time: a quarter of a second, as Node has it, is too short far away.
    const autoSelectFamilyAttemptTimeout = Math.max(10, Math.floor(connectTimeoutMs / 4));
    return { keepAlive: true, maxSockets, maxFreeSockets: 4, timeout: idleMs, autoSelectFamilyAttemptTimeout };
  }
}

/** Those in use go on to their end. */
function closeIdle(agent: HttpAgent): void {
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

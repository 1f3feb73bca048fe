/** The API servers, of which one is used until it fails: then the next one. */
import type { Env } from '@timonel/sdk';
import { Server, type ServerOptions } from './server.ts';

/** `https://HOST:PORT`, in one spelling. */
export function serverKey(url: string): string {
  return new URL(url).origin;
}

export class ServerSet {
  readonly #options: ServerOptions;
  #servers: Server[] = [];
  #current = 0;

  constructor(urls: readonly string[], options: ServerOptions & { readonly env: Env }) {
    this.#options = options;
    this.replace(urls);
    // Clients that start together spread over the servers.
    this.#current = options.env.random.int(this.#servers.length);
  }

  all(): readonly Server[] {
    return this.#servers;
  }

  get current(): Server | undefined {
    return this.#servers[this.#current];
  }

  /** The one to ask next: the current one, or the first after it that did not fail a moment ago. Undefined: none is left. */
  pick(tried: ReadonlySet<Server>): Server | undefined {
    for (let step = 0; step < this.#servers.length; step += 1) {
      const server = this.#servers[(this.#current + step) % this.#servers.length];
      if (server !== undefined && server.isDue && !tried.has(server)) return server;
    }
    return undefined;
  }

  succeeded(server: Server): void {
    server.succeeded();
    if (this.current?.isDue !== true) this.use(server);
  }

  /** Rests the server for a moment; others take its place. */
  failed(server: Server): void {
    server.failed();
    if (this.current !== server) return;
    const next = this.pick(new Set([server]));
    if (next !== undefined) this.use(next);
  }

  use(server: Server): void {
    const index = this.#servers.indexOf(server);
    if (index >= 0) this.#current = index;
  }

  /** Keeps the servers that stay, with their connections. */
  replace(urls: readonly string[]): void {
    const before = this.current;
    const known = new Map(this.#servers.map((server) => [server.url.origin, server]));
    const wanted = [...new Set(urls.map(serverKey))];
    this.#servers = wanted.map((key) => known.get(key) ?? new Server(key, this.#options));
    for (const [key, server] of known) if (!wanted.includes(key)) server.drop('it is no API server any more');
    this.#current = Math.max(0, before === undefined ? 0 : this.#servers.indexOf(before));
  }

  renew(): void {
    for (const server of this.#servers) server.renew();
  }

  close(): void {
    for (const server of this.#servers) server.drop('the client is stopped');
  }
}

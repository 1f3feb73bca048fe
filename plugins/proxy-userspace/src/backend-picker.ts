import { BlockList, isIPv4 } from 'node:net';
import type { Env } from '@timonel/sdk';
import type { Backend } from '@timonel/sdk/contracts/proxy';

interface Affinity {
  readonly backend: Backend;
  readonly lastSeenMs: number;
}

/** Clients remembered for one service; the one that was not seen for longest is forgotten beyond that. */
const clientLimit = 10_000;

export const keyOf = (backend: Backend): string => `${backend.address}:${backend.port}`;

/** Chooses a backend for each client: in turn, or the same again for as long as the affinity lasts. */
export class BackendPicker {
  readonly #env: Env;
  /** In the order in which they were last seen. */
  readonly #clients = new Map<string, Affinity>();
  #backends: readonly Backend[] = [];
  #affinityMs: number | undefined;
  /** Undefined: anybody. */
  #sources: BlockList | undefined;
  #next: number;

  constructor(env: Env) {
    this.#env = env;
    this.#next = env.random.int(1 << 16);
  }

  update(backends: readonly Backend[], affinitySeconds: number | undefined): void {
    this.#backends = backends;
    this.#affinityMs = affinitySeconds === undefined ? undefined : affinitySeconds * 1000;
    const present = new Set(backends.map(keyOf));
    for (const [client, affinity] of this.#clients) {
      if (this.#affinityMs === undefined || !present.has(keyOf(affinity.backend))) this.#clients.delete(client);
    }
  }

  /** Only clients of these ranges have backends, and clients have IPv4. Undefined: all have. */
  restrict(sources: readonly string[] | undefined): void {
    this.#sources = sources === undefined ? undefined : new BlockList();
    for (const range of sources ?? []) {
      const [network = '', prefix = '32'] = range.split('/');
      if (!isIPv4(network)) continue;
      this.#sources?.addSubnet(network, Number(prefix), 'ipv4');
    }
  }

  /** All backends, the one to try first at the front. Empty: there is none, or none for this client. */
  order(client: string): readonly Backend[] {
    const count = this.#backends.length;
    if (count === 0 || !this.#allows(client)) return [];
    const start = this.#next % count;
    this.#next += 1;
    const inTurn = [...this.#backends.slice(start), ...this.#backends.slice(0, start)];
    const known = this.#known(client);
    return known === undefined ? inTurn : [known, ...inTurn.filter((backend) => keyOf(backend) !== keyOf(known))];
  }

  /** Tells which backend took the client, so that with affinity it is the first one next time. */
  accepted(client: string, backend: Backend): void {
    if (this.#affinityMs === undefined) return;
    // A connection may have begun before its backend went.
    if (!this.#backends.some((present) => keyOf(present) === keyOf(backend))) return;
    this.#clients.delete(client);
    this.#clients.set(client, { backend, lastSeenMs: this.#env.clock.monotonic() });
    if (this.#clients.size <= clientLimit) return;
    const oldest = this.#clients.keys().next();
    if (oldest.done !== true) this.#clients.delete(oldest.value);
  }

  #allows(client: string): boolean {
    return this.#sources === undefined || (isIPv4(client) && this.#sources.check(client, 'ipv4'));
  }

  #known(client: string): Backend | undefined {
    const known = this.#clients.get(client);
    if (known === undefined || this.#affinityMs === undefined) return undefined;
    return this.#env.clock.monotonic() - known.lastSeenMs <= this.#affinityMs ? known.backend : undefined;
  }
}

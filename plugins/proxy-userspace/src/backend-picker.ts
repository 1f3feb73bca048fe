import type { Env } from '@timonel/sdk';
import type { Backend } from '@timonel/sdk/contracts/proxy';

interface Affinity {
  readonly backend: Backend;
  lastSeenMs: number;
}

/** Clients remembered for one service; the oldest is forgotten beyond that. */
const clientLimit = 10_000;

const keyOf = (backend: Backend): string => `${backend.address}:${backend.port}`;

/** Chooses a backend for each client: in turn, or the same again for as long as the affinity lasts. */
export class BackendPicker {
  readonly #env: Env;
  readonly #clients = new Map<string, Affinity>();
  #backends: readonly Backend[] = [];
  #affinityMs: number | undefined;
  #next: number;

  constructor(env: Env) {
    this.#env = env;
    this.#next = env.random.int(1 << 16);
  }

  /** Answers whether the set of backends became another. */
  update(backends: readonly Backend[], affinitySeconds: number | undefined): boolean {
    const changed = backends.map(keyOf).join() !== this.#backends.map(keyOf).join();
    this.#backends = backends;
    this.#affinityMs = affinitySeconds === undefined ? undefined : affinitySeconds * 1000;
    const present = new Set(backends.map(keyOf));
    for (const [client, affinity] of this.#clients) {
      if (this.#affinityMs === undefined || !present.has(keyOf(affinity.backend))) this.#clients.delete(client);
    }
    return changed;
  }

  /** All backends, the one to try first at the front. Empty: there is none. */
  order(client: string): readonly Backend[] {
    const count = this.#backends.length;
    if (count === 0) return [];
    const start = this.#next % count;
    this.#next += 1;
    const inTurn = [...this.#backends.slice(start), ...this.#backends.slice(0, start)];
    if (this.#affinityMs === undefined) return inTurn;
    const now = this.#env.clock.monotonic();
    const known = this.#clients.get(client);
    if (known !== undefined && now - known.lastSeenMs <= this.#affinityMs) {
      known.lastSeenMs = now;
      return [known.backend, ...inTurn.filter((backend) => keyOf(backend) !== keyOf(known.backend))];
    }
    const first = inTurn[0];
    if (first !== undefined) this.#remember(client, { backend: first, lastSeenMs: now });
    return inTurn;
  }

  #remember(client: string, affinity: Affinity): void {
    this.#clients.delete(client);
    this.#clients.set(client, affinity);
    if (this.#clients.size <= clientLimit) return;
    const oldest = this.#clients.keys().next();
    if (oldest.done !== true) this.#clients.delete(oldest.value);
  }
}

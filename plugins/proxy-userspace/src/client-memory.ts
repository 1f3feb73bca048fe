import type { Env } from '@timonel/sdk';
import type { Backend } from '@timonel/sdk/contracts/proxy';

/** Clients remembered for one service port; the one that was not seen for longest is forgotten beyond that. */
const clientLimit = 10_000;

export const keyOf = (backend: Backend): string => `${backend.address}:${backend.port}`;

/** Which backends the clients of a service port had last, whichever of its addresses they used. */
export class ClientMemory {
  readonly #env: Env;
  /** When a client last had a backend, by both, ms. In that order. */
  readonly #seen = new Map<string, number>();
  #present: ReadonlySet<string> = new Set();
  #forMs = 0;

  constructor(env: Env) {
    this.#env = env;
  }

  /** `backends`: all that any client may have. Who had another is forgotten. */
  update(backends: readonly Backend[], seconds: number): void {
    this.#forMs = seconds * 1000;
    const present = new Set(backends.map(keyOf));
    const isSame = present.size === this.#present.size && [...present].every((key) => this.#present.has(key));
    this.#present = present;
    if (isSame) return;
    for (const pair of this.#seen.keys()) if (!present.has(pair.slice(pair.indexOf(' ') + 1))) this.#seen.delete(pair);
  }

  /** The first of these that the client had not too long ago. */
  find(client: string, among: readonly Backend[]): Backend | undefined {
    const now = this.#env.clock.monotonic();
    return among.find((backend) => {
      const seenMs = this.#seen.get(pairOf(client, backend));
      return seenMs !== undefined && now - seenMs < this.#forMs;
    });
  }

  remember(client: string, backend: Backend): void {
    // A connection may have begun before its backend went.
    if (!this.#present.has(keyOf(backend))) return;
    const pair = pairOf(client, backend);
    this.#seen.delete(pair);
    this.#seen.set(pair, this.#env.clock.monotonic());
    if (this.#seen.size <= clientLimit) return;
    const oldest = this.#seen.keys().next();
    if (oldest.done !== true) this.#seen.delete(oldest.value);
  }
}

function pairOf(client: string, backend: Backend): string {
  return `${client} ${keyOf(backend)}`;
}

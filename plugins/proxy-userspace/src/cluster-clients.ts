import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Env } from '@timonel/sdk';
import { familyOf } from '@timonel/sdk/contracts/network';

/** Addresses of the node change seldom, and asking for them costs more with each service address. */
const lookAgainMs = 5000;

/** Tells clients of the cluster, its pods and this node itself, from all others. */
export class ClusterClients {
  readonly #env: Env;
  readonly #ranges = new BlockList();
  readonly #families: ReadonlySet<number>;
  #own: ReadonlySet<string> = new Set();
  #lookedMs = -Infinity;

  /** `cidrs`: ranges of pods. */
  constructor(env: Env, cidrs: readonly string[]) {
    this.#env = env;
    this.#families = new Set(cidrs.map(familyOf));
    for (const cidr of ['127.0.0.0/8', '::1/128', ...cidrs]) {
      const [network = '', prefix = ''] = cidr.split('/');
      this.#ranges.addSubnet(network, Number(prefix), `ipv${familyOf(network)}`);
    }
  }

  /** Whether the pods of this family are known: else all but the node seem to be outside. */
  knows(family: number): boolean {
    return this.#families.has(family);
  }

  isOutside(client: string): boolean {
    if (isIP(client) === 0 || this.#ranges.check(client, `ipv${familyOf(client)}`)) return false;
    const now = this.#env.clock.monotonic();
    if (now - this.#lookedMs >= lookAgainMs) {
      this.#lookedMs = now;
      const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
      this.#own = new Set(all.map(({ address }) => address));
    }
    return !this.#own.has(client);
  }
}

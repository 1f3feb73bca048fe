import { BlockList, isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Env } from '@timonel/sdk';

/** Addresses of the node change seldom, and asking for them costs more with each service address. */
const lookAgainMs = 5000;

/** Tells clients of the cluster, its pods and this node itself, from all others. */
export class ClusterClients {
  readonly #env: Env;
  readonly #ranges = new BlockList();
  #own: ReadonlySet<string> = new Set();
  #lookedMs = -Infinity;

  /** `cidrs`: IPv4 ranges of pods. */
  constructor(env: Env, cidrs: readonly string[]) {
    this.#env = env;
    for (const cidr of ['127.0.0.0/8', ...cidrs]) {
      const [network = '', prefix = '32'] = cidr.split('/');
      this.#ranges.addSubnet(network, Number(prefix), 'ipv4');
    }
  }

  isOutside(client: string): boolean {
    if (!isIPv4(client) || this.#ranges.check(client, 'ipv4')) return false;
    const now = this.#env.clock.monotonic();
    if (now - this.#lookedMs >= lookAgainMs) {
      this.#lookedMs = now;
      const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
      this.#own = new Set(all.map(({ address }) => address));
    }
    return !this.#own.has(client);
  }
}

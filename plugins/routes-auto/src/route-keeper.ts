import { errorMessage } from '@timonel/sdk';
import { parseIp } from '@timonel/sdk/contracts/network';
import type { Node } from '@timonel/sdk/kube';
import type { RoutesAutoConfig } from './config.ts';
import type { RunProgram } from './ip.ts';
import { KernelRoutes } from './kernel-routes.ts';
import { pathsTo, type Paths } from './paths.ts';
import { TunnelRules } from './tunnel-rules.ts';
import { Tunnel } from './tunnel.ts';
import { waysTo } from './underlay.ts';
import { factsOf, wantedRoutes } from './wanted-routes.ts';

export interface RouteKeeperOptions extends Pick<
  RoutesAutoConfig,
  'nodeName' | 'dev' | 'clusterCidrs' | 'tunnels' | 'vni' | 'tunnelPort' | 'tunnelGuard'
> {
  /** Name of the tunnels' link. */
  readonly link: string;
  /** Name of the table with the rules for it. */
  readonly table: string;
  readonly run: RunProgram;
}

export interface KeptRoutes {
  /** Ranges. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Each a sentence. */
  readonly problems: readonly string[];
}

/** The routes and the tunnel of this machine, made what the nodes of the cluster ask for. */
export class RouteKeeper {
  readonly #options: RouteKeeperOptions;
  readonly #routes: KernelRoutes;
  readonly #tunnel: Tunnel;
  readonly #rules: TunnelRules;

  constructor(options: RouteKeeperOptions) {
    const { run, link, table, vni, tunnelPort: port, tunnelGuard: isGuarded } = options;
    this.#options = options;
    this.#routes = new KernelRoutes(run);
    this.#tunnel = new Tunnel(run, { link, vni, port });
    this.#rules = new TunnelRules(run, { table, link, vni, port, isGuarded });
  }

  /** @throws CommandError */
  async sync(nodes: readonly Node[]): Promise<KeptRoutes> {
    const { nodeName, clusterCidrs, run } = this.#options;
    const { peers, refused } = wantedRoutes(nodes, nodeName, clusterCidrs);
    const known = nodes.find(({ metadata }) => metadata.name === nodeName);
    const own = known === undefined ? undefined : factsOf(known);
    const facts = [...peers.map(({ node }) => node), ...(own === undefined ? [] : [own])];
    const asked = new Set(facts.flatMap(({ addresses }) => [addresses[4], addresses[6]]));
    asked.delete('');
    const ways = await waysTo(run, [...asked]);
    const paths = pathsTo(peers, { ways, own, config: this.#options, tunnel: this.#tunnel });
    const tunnelProblems = await this.#syncTunnel(paths, nodes);
    // A cluster that does not know this node is not the one, or not yet the one, that its routes are of.
    const { added, removed, failed } = await this.#routes.sync(paths.hops, own === undefined);
    if (own !== undefined && paths.tunnel === undefined) await this.#removeTunnel();
    const notMade = [...failed].map(
      ([cidr, why]) => `no route to ${cidr} through ${paths.hops.get(cidr)?.gateway} could be made: ${why}`,
    );
    return { added, removed, problems: [...refused, ...tunnelProblems, ...paths.unreached, ...notMade] };
  }

  async removeAll(): Promise<void> {
    await this.#routes.removeAll();
    await this.#removeTunnel();
  }

  async #removeTunnel(): Promise<void> {
    await this.#tunnel.remove();
    await this.#rules.remove();
  }

  /** Nodes on this machine's links keep their routes whatever becomes of the tunnel. */
  async #syncTunnel({ tunnel }: Paths, nodes: readonly Node[]): Promise<readonly string[]> {
    if (tunnel === undefined) return [];
    const problems: string[] = [];
    // First, so that nothing gets in before.
    await this.#rules.sync(nodes.flatMap(addressesOf)).catch((error: unknown) => {
      problems.push(
        `there are no rules for the tunnel, so that whoever sends to UDP port ${this.#options.tunnelPort} of this machine can speak as any pod (apt-get install nftables): ${errorMessage(error)}`,
      );
    });
    await this.#tunnel.sync(tunnel.own, tunnel.peers).catch((error: unknown) => {
      problems.push(`the tunnel to nodes on other links cannot be kept: ${errorMessage(error)}`);
    });
    return problems;
  }
}

/** All that a machine may send from. */
function addressesOf({ status }: Node): string[] {
  const addresses = (status?.addresses ?? []).map(({ address }) => address);
  return addresses.filter((address) => parseIp(address) !== undefined);
}

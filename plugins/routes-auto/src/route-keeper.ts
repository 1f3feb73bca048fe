import { errorMessage } from '@timonel/sdk';
import type { Node } from '@timonel/sdk/kube';
import type { RoutesAutoConfig } from './config.ts';
import type { RunProgram } from './ip.ts';
import { KernelRoutes } from './kernel-routes.ts';
import { pathsTo, type Paths } from './paths.ts';
import { Tunnel } from './tunnel.ts';
import { waysTo } from './underlay.ts';
import { factsOf, wantedRoutes } from './wanted-routes.ts';

export interface RouteKeeperOptions extends Pick<
  RoutesAutoConfig,
  'nodeName' | 'dev' | 'clusterCidrs' | 'tunnels' | 'vni' | 'tunnelPort'
> {
  /** Name of the tunnels' link. */
  readonly link: string;
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

  constructor(options: RouteKeeperOptions) {
    const { run, link, vni, tunnelPort: port } = options;
    this.#options = options;
    this.#routes = new KernelRoutes(run);
    this.#tunnel = new Tunnel(run, { link, vni, port });
  }

  /** @throws CommandError */
  async sync(nodes: readonly Node[]): Promise<KeptRoutes> {
    const { nodeName, clusterCidrs, run } = this.#options;
    const wanted = wantedRoutes(nodes, nodeName, clusterCidrs);
    const own = nodes.find(({ metadata }) => metadata.name === nodeName);
    const facts = own === undefined ? { cidr: '', address: '' } : factsOf(own);
    const asked = [...new Set([...wanted.routes.values(), facts.address])].filter((address) => address !== '');
    const ways = await waysTo(run, asked);
    const paths = pathsTo(wanted.routes, ways, facts, this.#options, this.#tunnel);
    const tunnelProblem = await this.#syncTunnel(paths);
    // A cluster that does not know this node is not the one, or not yet the one, that its routes are of.
    const isKnown = own !== undefined;
    const { added, removed, failed } = await this.#routes.sync(paths.hops, !isKnown);
    if (isKnown && paths.tunnel === undefined) await this.#tunnel.remove();
    const noWay = (paths.tunnel?.peers ?? []).filter(({ address }) => !ways.has(address));
    const problems = [
      ...wanted.refused.values(),
      ...tunnelProblem,
      ...noWay.map(
        ({ cidr, address }) => `this machine knows no way to ${address}, and so none to the pods of ${cidr}`,
      ),
      ...[...failed].map(
        ([cidr, why]) => `no route to ${cidr} through ${wanted.routes.get(cidr)} could be made: ${why}`,
      ),
    ];
    return { added, removed, problems };
  }

  async removeAll(): Promise<void> {
    await this.#routes.removeAll();
    await this.#tunnel.remove();
  }

  /** Nodes on this machine's links keep their routes whatever becomes of the tunnel. */
  async #syncTunnel({ tunnel }: Paths): Promise<readonly string[]> {
    if (tunnel === undefined) return [];
    try {
      await this.#tunnel.sync(tunnel.own, tunnel.peers);
      return [];
    } catch (error) {
      return [`the tunnel to nodes on other links cannot be kept: ${errorMessage(error)}`];
    }
  }
}

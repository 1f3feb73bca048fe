import { errorMessage } from '@timonel/sdk';
import { parseIp, type IpRange } from '@timonel/sdk/contracts/network';
import type { Node } from '@timonel/sdk/kube';
import { Announcements } from './announcements.ts';
import type { RoutesAutoConfig } from './config.ts';
import type { RunProgram } from './ip.ts';
import { KernelRoutes } from './kernel-routes.ts';
import { pathsTo, type Paths, type WireguardPaths } from './paths.ts';
import { TunnelRules } from './tunnel-rules.ts';
import { Tunnel } from './tunnel.ts';
import { waysTo, type Way } from './underlay.ts';
import { factsByAge, wantedRoutes, type NodeFacts } from './wanted-routes.ts';
import type { NodeKey } from './wireguard-key.ts';
import { Wireguard, type WireguardProblem } from './wireguard.ts';

export interface RouteKeeperOptions extends Pick<
  RoutesAutoConfig,
  | 'nodeName'
  | 'dev'
  | 'clusterCidrs'
  | 'tunnels'
  | 'tunnelKind'
  | 'wireguardImplementation'
  | 'wireguardPort'
  | 'vni'
  | 'tunnelPort'
  | 'tunnelGuard'
> {
  /** Name of the VXLAN link. */
  readonly link: string;
  readonly wireguardLink: string;
  /** Name of the table with the rules for both. */
  readonly table: string;
  readonly run: RunProgram;
  /** The key of this node: asked for where there is WireGuard. */
  readonly loadKey: () => Promise<NodeKey>;
}

export interface KeptRoutes {
  /** Ranges. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Each a sentence. */
  readonly problems: readonly string[];
  /** Likewise, and as it is meant to be. */
  readonly notes: readonly string[];
  /** What the Node object of this node has to say of its WireGuard; '' for nothing. */
  readonly announcement: string;
  /** The largest packet that fits through all ways; undefined: there are none. */
  readonly mtuBytes: number | undefined;
}

/** The routes and the tunnels of this machine, made what the nodes of the cluster ask for. */
export class RouteKeeper {
  readonly #options: RouteKeeperOptions;
  readonly #routes: KernelRoutes;
  readonly #tunnel: Tunnel;
  readonly #wireguard: Wireguard;
  readonly #rules: TunnelRules;
  readonly #announcements: Announcements = new Announcements();
  #key: NodeKey | undefined;

  constructor(options: RouteKeeperOptions) {
    const { run, link, wireguardLink, table, vni, tunnelPort: port, tunnelGuard: isGuarded } = options;
    const { wireguardPort, wireguardImplementation: implementation } = options;
    this.#options = options;
    this.#routes = new KernelRoutes(run);
    this.#tunnel = new Tunnel(run, { link, vni, port });
    this.#wireguard = new Wireguard(run, { link: wireguardLink, port: wireguardPort, implementation });
    this.#rules = new TunnelRules(run, { table, link, wireguardLink, vni, port, isGuarded });
  }

  /** @throws CommandError */
  async sync(nodes: readonly Node[]): Promise<KeptRoutes> {
    const { nodeName, clusterCidrs, wireguardLink } = this.#options;
    const facts = factsByAge(nodes);
    const { peers, refused, unrouted } = wantedRoutes(facts, nodeName, clusterCidrs);
    const own = facts.find(({ name }) => name === nodeName);
    const noWireguard = await this.#wireguardProblem();
    const announcement = this.#announcementOf(own, noWireguard);
    // Without WireGuard it does not matter what others say of theirs.
    const mayHave = this.#wantsWireguard && noWireguard?.isPassing !== false;
    const announced = await this.#announcements.read(mayHave ? facts : []);
    const paths = this.#sealing(
      unrouted,
      pathsTo(peers, {
        ways: await this.#waysTo(
          own === undefined ? peers.map(({ node }) => node) : [...peers.map(({ node }) => node), own],
        ),
        own,
        config: this.#options,
        tunnel: this.#tunnel,
        // As the others do, by what the cluster has of this node too, be it the key of before: nothing goes in clear meanwhile.
        announcements: announced.valid,
        hasWireguard: announcement !== '',
        wireguardLink,
      }),
    );
    const problems = [...refused, ...announced.refused];
    if (own !== undefined) problems.push(...(await this.#syncTunnels(paths, nodes, noWireguard)));
    // A cluster that does not know this node is not the one, or not yet the one, that its routes are of.
    const { added, removed, failed } = await this.#routes.sync(paths.hops, own === undefined);
    if (own !== undefined) await this.#removeUnused(paths);
    for (const [cidr, why] of failed)
      problems.push(`no route to ${cidr}${throughOf(paths, cidr)} could be made: ${why}`);
    problems.push(...paths.unreached);
    const notes: string[] = [];
    if (noWireguard !== undefined && announcement === '') {
      const { reason } = noWireguard;
      const isNeeded = this.#options.tunnelKind === 'wireguard';
      if (isNeeded) problems.push(`this node has no WireGuard: ${reason}`);
      else if (paths.tunnel !== undefined) {
        notes.push(`tunnels of this node are VXLAN, which does not encrypt, since it has no WireGuard: ${reason}`);
      }
    }
    return { added, removed, problems, notes, announcement, mtuBytes: paths.mtuBytes };
  }

  async removeAll(): Promise<void> {
    await this.#routes.removeAll();
    await this.#tunnel.remove();
    await this.#wireguard.remove();
    await this.#rules.remove();
  }

  /** Undefined: there is WireGuard, or none is wanted. */
  async #wireguardProblem(): Promise<WireguardProblem | undefined> {
    if (!this.#wantsWireguard) return undefined;
    const problem = await this.#wireguard.problem();
    if (problem?.isPassing === false) return problem;
    try {
      this.#key ??= await this.#options.loadKey();
      return problem;
    } catch (error) {
      // A file that holds no key stays as it is; what the system says has a code.
      return { reason: errorMessage(error), isPassing: (error as NodeJS.ErrnoException).code !== undefined };
    }
  }

  get #wantsWireguard(): boolean {
    const { tunnels, tunnelKind } = this.#options;
    return tunnels !== 'never' && tunnelKind !== 'vxlan';
  }

  #announcementOf(own: NodeFacts | undefined, problem: WireguardProblem | undefined): string {
    const { nodeName, wireguardPort, tunnels } = this.#options;
    if (!this.#wantsWireguard) return '';
    // Taken back, it would make others send in clear.
    if (problem !== undefined) return problem.isPassing ? (own?.announcement ?? '') : '';
    return this.#key?.announce(nodeName, wireguardPort, tunnels === 'always') ?? '';
  }

  async #waysTo(nodes: readonly NodeFacts[]): Promise<ReadonlyMap<string, Way>> {
    const asked = new Set(nodes.flatMap(({ addresses }) => [addresses[4], addresses[6]]));
    asked.delete('');
    return waysTo(this.#options.run, [...asked]);
  }

  /** Where only WireGuard counts, pods that nothing leads to are not spoken to past it either: their packets would take the default route. */
  #sealing(unrouted: readonly IpRange[], paths: Paths): Paths {
    const { tunnels, tunnelKind } = this.#options;
    if (tunnelKind !== 'wireguard' || tunnels === 'never') return paths;
    return { ...paths, sealed: [...paths.sealed, ...unrouted], trusted: [...paths.trusted, ...unrouted] };
  }

  /** Nodes on this machine's links keep their routes whatever becomes of the tunnels. */
  async #syncTunnels(
    { tunnel, wireguard, sealed, trusted }: Paths,
    nodes: readonly Node[],
    noWireguard: WireguardProblem | undefined,
  ): Promise<readonly string[]> {
    const problems: string[] = [];
    // First, so that nothing gets in or out before.
    if (tunnel !== undefined || sealed.length > 0) {
      const addresses = tunnel === undefined ? undefined : nodes.flatMap(addressesOf);
      await this.#rules.sync({ addresses, sealed, trusted }).catch((error: unknown) => {
        problems.push(`${this.#withoutRules(tunnel !== undefined)} (apt-get install nftables): ${errorMessage(error)}`);
      });
    }
    if (tunnel !== undefined) {
      await this.#tunnel.sync(tunnel.own, tunnel.peers).catch((error: unknown) => {
        problems.push(`the tunnel to nodes on other links cannot be kept: ${errorMessage(error)}`);
      });
    }
    if (wireguard !== undefined) {
      await this.#syncWireguard(wireguard).catch((error: unknown) => {
        const why = noWireguard?.reason ?? errorMessage(error);
        problems.push(`the WireGuard tunnels to other nodes cannot be kept: ${why}`);
      });
    }
    return problems;
  }

  async #syncWireguard(paths: WireguardPaths): Promise<void> {
    if (this.#key === undefined) throw new Error('this node has no key');
    await this.#wireguard.sync({ ...paths, key: this.#key }, paths.peers);
  }

  async #removeUnused({ tunnel, wireguard, sealed }: Paths): Promise<void> {
    if (tunnel === undefined) await this.#tunnel.remove();
    if (wireguard === undefined) await this.#wireguard.remove();
    if (tunnel === undefined && sealed.length === 0) await this.#rules.remove();
  }

  #withoutRules(isVxlan: boolean): string {
    return isVxlan
      ? `there are no rules for the tunnel, so that whoever sends to UDP port ${this.#options.tunnelPort} of this machine can speak as any pod`
      : 'there are no rules for WireGuard, so that packets of pods could leave unencrypted when somebody removes its link';
  }
}

function throughOf({ hops }: Paths, cidr: string): string {
  const { gateway, dev } = hops.get(cidr) ?? {};
  return ` through ${gateway ?? dev}`;
}

/** All that a machine may send from. */
function addressesOf({ status }: Node): string[] {
  const addresses = (status?.addresses ?? []).map(({ address }) => address);
  return addresses.filter((address) => parseIp(address) !== undefined);
}

/**
 * Which nodes are reached how: plain routes where both are on one link, a tunnel to the others. Both ends have to choose the same kind of
 * tunnel: they do, because they choose by what both have said.
 */
import { formatIpRange, type IpFamily, type IpRange } from '@timonel/sdk/contracts/network';
import type { RoutesAutoConfig } from './config.ts';
import type { Hop } from './kernel-routes.ts';
import { vxlanOverheadBytes, type OwnEnd, type Tunnel, type TunnelEnd } from './tunnel.ts';
import type { Way } from './underlay.ts';
import type { NodeFacts, Peer } from './wanted-routes.ts';
import type { Announcement } from './wireguard-key.ts';
import { wireguardOverheadBytes, type WireguardPeer } from './wireguard.ts';

export interface Paths {
  /** By range. */
  readonly hops: ReadonlyMap<string, Hop>;
  /** VXLAN. Undefined: none is needed, or none can be had yet. */
  readonly tunnel: { readonly own: OwnEnd; readonly peers: readonly TunnelEnd[] } | undefined;
  readonly wireguard: WireguardPaths | undefined;
  /** Ranges to which nothing goes but through WireGuard. */
  readonly sealed: readonly IpRange[];
  /** Those from which nothing comes but through it. */
  readonly trusted: readonly IpRange[];
  /** Ranges that are not reached, each in one sentence. */
  readonly unreached: readonly string[];
  /** The largest packet that fits through the way to every peer. Undefined: there are no peers. */
  readonly mtuBytes: number | undefined;
}

export interface WireguardPaths {
  readonly ranges: readonly IpRange[];
  readonly mtuBytes: number;
  readonly peers: readonly WireguardPeer[];
}

export interface Surroundings {
  readonly ways: ReadonlyMap<string, Way>;
  /** Undefined: the cluster does not know this node yet. */
  readonly own: NodeFacts | undefined;
  readonly config: Pick<RoutesAutoConfig, 'tunnels' | 'tunnelKind' | 'dev'>;
  readonly tunnel: Pick<Tunnel, 'hopTo'>;
  /** What nodes have said of their WireGuard, by name. */
  readonly announcements: ReadonlyMap<string, Announcement>;
  /** This machine has it; what it has said may not have reached the others. */
  readonly hasWireguard: boolean;
  readonly wireguardLink: string;
}

/** The paths as they are put together, peer by peer. */
class PathBuilder {
  readonly hops: Map<string, Hop> = new Map();
  readonly ends: Map<NodeFacts, TunnelEnd> = new Map();
  readonly secrets: Map<NodeFacts, WireguardPeer> = new Map();
  readonly sealed: IpRange[] = [];
  readonly trusted: IpRange[] = [];
  readonly unreached: string[] = [];
  mtuBytes = Number.POSITIVE_INFINITY;
  /** Of the links that tunnels go over. */
  tunnelMtuBytes = Number.POSITIVE_INFINITY;
  readonly #around: Surroundings;
  /** One for all: a link of tunnels goes over one family. */
  readonly family: IpFamily;
  readonly #said: Announcement | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
    const { own, config } = around;
    this.family = own?.addresses[4] === '' && own.addresses[6] !== '' ? 6 : 4;
    const isAllowed = around.hasWireguard && config.tunnels !== 'never';
    this.#said = isAllowed && own !== undefined ? around.announcements.get(own.name) : undefined;
  }

  add(peer: Peer): void {
    const { range, node } = peer;
    const { ways, own, config } = this.#around;
    const { tunnels, dev } = config;
    const gateway = node.addresses[range.family];
    const announced = this.#around.announcements.get(node.name);
    // Whether this node has said the same is not known: no plain packet meanwhile.
    if (own === undefined && tunnels === 'auto' && announced?.forAll === true) return;
    const secret = this.#said === undefined ? undefined : announced;
    const wantTunnel = tunnels === 'always' || (secret?.forAll === true && tunnels === 'auto');
    const isPlain = tunnels === 'never' || (!wantTunnel && ways.get(gateway)?.isOnLink === true);
    if (isPlain && gateway !== '') {
      this.hops.set(formatIpRange(range), { gateway, dev });
      this.mtuBytes = Math.min(this.mtuBytes, ways.get(gateway)?.mtuBytes ?? this.mtuBytes);
    } else if (tunnels !== 'never' && (own?.ranges ?? []).length > 0) this.#addTunnelled(peer, secret, wantTunnel);
  }

  #addTunnelled({ range, node }: Peer, secret: Announcement | undefined, isForAll: boolean): void {
    const { ways, config, tunnel, wireguardLink } = this.#around;
    const cidr = formatIpRange(range);
    const isStrict = config.tunnelKind === 'wireguard';
    const address = node.addresses[this.family];
    const way = ways.get(address);
    if (secret !== undefined || isStrict) this.sealed.push(range);
    if (isStrict || (secret !== undefined && isForAll)) this.trusted.push(range);
    if (secret === undefined && isStrict) {
      const why = `${this.#whoLacks(node)}, and no other tunnel is allowed here: there is no way to the pods of ${cidr}`;
      this.unreached.push(why);
      return;
    }
    if (way === undefined) {
      const to = address === '' ? `an IPv${this.family} address of node ${node.name}` : address;
      this.unreached.push(`this machine knows no way to ${to}, and so none to the pods of ${cidr}`);
    }
    if (address === '') return;
    this.tunnelMtuBytes = Math.min(this.tunnelMtuBytes, way?.mtuBytes ?? this.tunnelMtuBytes);
    // Also without a way: one may come.
    if (secret === undefined) {
      this.hops.set(cidr, tunnel.hopTo(node.ranges, range.family));
      this.ends.set(node, { ranges: node.ranges, address });
    } else {
      this.hops.set(cidr, { dev: wireguardLink });
      const before = this.secrets.get(node)?.ranges ?? [];
      const { publicKey, port } = secret;
      this.secrets.set(node, { publicKey, port, address, ranges: [...before, range] });
    }
  }

  #whoLacks({ name }: NodeFacts): string {
    if (!this.#around.hasWireguard) return 'this node has no WireGuard';
    return this.#said === undefined ? 'other nodes have no key of this node yet' : `node ${name} has no WireGuard`;
  }

  /** That of tunnels is the one of the kind that takes most, whichever is used now: it must not change when a node gets another. */
  lowestMtu(): number | undefined {
    const overhead = this.#around.hasWireguard ? wireguardOverheadBytes : vxlanOverheadBytes;
    const lowest = Math.min(this.mtuBytes, this.tunnelMtuBytes - overhead[this.family]);
    return Number.isFinite(lowest) ? lowest : undefined;
  }
}

export function pathsTo(peers: readonly Peer[], around: Surroundings): Paths {
  const built = new PathBuilder(around);
  for (const peer of peers) built.add(peer);
  const { hops, ends, secrets, sealed, trusted, unreached, family } = built;
  const { own, ways } = around;
  const common = { hops, sealed, trusted, unreached, mtuBytes: built.lowestMtu() };
  if (own === undefined) return { ...common, tunnel: undefined, wireguard: undefined };
  const { ranges } = own;
  const mtuBytes = Number.isFinite(built.tunnelMtuBytes) ? built.tunnelMtuBytes : 1500;
  const address = ways.get(own.addresses[family])?.isLocal === true ? own.addresses[family] : undefined;
  const wireguard = { ranges, mtuBytes: mtuBytes - wireguardOverheadBytes[family], peers: [...secrets.values()] };
  return {
    ...common,
    tunnel: ends.size === 0 ? undefined : { own: { ranges, address, family, mtuBytes }, peers: [...ends.values()] },
    wireguard: secrets.size === 0 ? undefined : wireguard,
  };
}

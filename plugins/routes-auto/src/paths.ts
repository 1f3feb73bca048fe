/** Which nodes are reached how: plain routes where both are on one link, the tunnel to the others. */
import { formatIpRange, type IpFamily } from '@timonel/sdk/contracts/network';
import type { RoutesAutoConfig } from './config.ts';
import type { Hop } from './kernel-routes.ts';
import type { OwnEnd, Tunnel, TunnelEnd } from './tunnel.ts';
import type { Way } from './underlay.ts';
import type { NodeFacts, Peer } from './wanted-routes.ts';

export interface Paths {
  /** By range. */
  readonly hops: ReadonlyMap<string, Hop>;
  /** Undefined: no tunnel is needed, or none can be had yet. */
  readonly tunnel: { readonly own: OwnEnd; readonly peers: readonly TunnelEnd[] } | undefined;
  /** Ranges that are not reached, each in one sentence. */
  readonly unreached: readonly string[];
}

export interface Surroundings {
  readonly ways: ReadonlyMap<string, Way>;
  /** Undefined: the cluster does not know this node yet. */
  readonly own: NodeFacts | undefined;
  readonly config: Pick<RoutesAutoConfig, 'tunnels' | 'dev'>;
  readonly tunnel: Pick<Tunnel, 'hopTo'>;
}

export function pathsTo(peers: readonly Peer[], { ways, own, config, tunnel }: Surroundings): Paths {
  const { tunnels, dev } = config;
  // One for all: a link of tunnels goes over one family.
  const family: IpFamily = own?.addresses[4] === '' && own.addresses[6] !== '' ? 6 : 4;
  const hops = new Map<string, Hop>();
  const ends = new Map<NodeFacts, TunnelEnd>();
  const unreached: string[] = [];
  let mtuBytes = Number.POSITIVE_INFINITY;
  for (const { range, node } of peers) {
    const cidr = formatIpRange(range);
    const gateway = node.addresses[range.family];
    const isPlain = tunnels === 'never' || (tunnels === 'auto' && ways.get(gateway)?.isOnLink === true);
    const address = node.addresses[family];
    const way = ways.get(address);
    if (isPlain && gateway !== '') hops.set(cidr, { gateway, dev });
    else if (tunnels === 'never' || (own?.ranges ?? []).length === 0) continue;
    else {
      if (way === undefined) {
        const to = address === '' ? `an IPv${family} address of node ${node.name}` : address;
        unreached.push(`this machine knows no way to ${to}, and so none to the pods of ${cidr}`);
      }
      if (address === '') continue;
      // Also without a way: one may come.
      hops.set(cidr, tunnel.hopTo(node.ranges, range.family));
      ends.set(node, { ranges: node.ranges, address });
      mtuBytes = Math.min(mtuBytes, way?.mtuBytes ?? mtuBytes);
    }
  }
  if (own === undefined || ends.size === 0) return { hops, tunnel: undefined, unreached };
  if (!Number.isFinite(mtuBytes)) mtuBytes = 1500;
  const address = ways.get(own.addresses[family])?.isLocal === true ? own.addresses[family] : undefined;
  return {
    hops,
    tunnel: { own: { ranges: own.ranges, address, family, mtuBytes }, peers: [...ends.values()] },
    unreached,
  };
}

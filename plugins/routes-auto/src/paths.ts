/** Which nodes are reached how: plain routes where both are on one link, the tunnel to the others. */
import type { RoutesAutoConfig } from './config.ts';
import type { Hop } from './kernel-routes.ts';
import type { OwnEnd, Tunnel, TunnelPeer } from './tunnel.ts';
import type { Way } from './underlay.ts';

export interface Paths {
  /** By range. */
  readonly hops: ReadonlyMap<string, Hop>;
  /** Undefined: no tunnel is needed, or none can be had yet. */
  readonly tunnel: { readonly own: OwnEnd; readonly peers: readonly TunnelPeer[] } | undefined;
}

export function pathsTo(
  /** The other nodes' addresses by their ranges. */
  wanted: ReadonlyMap<string, string>,
  ways: ReadonlyMap<string, Way>,
  own: { readonly cidr: string; readonly address: string },
  { tunnels, dev }: Pick<RoutesAutoConfig, 'tunnels' | 'dev'>,
  tunnel: Pick<Tunnel, 'hopTo'>,
): Paths {
  const hops = new Map<string, Hop>();
  const peers: TunnelPeer[] = [];
  let mtuBytes = Number.POSITIVE_INFINITY;
  for (const [cidr, address] of wanted) {
    const way = ways.get(address);
    const isPlain = tunnels === 'never' || (tunnels === 'auto' && way?.isOnLink === true);
    if (isPlain) hops.set(cidr, { gateway: address, dev });
    else if (own.cidr !== '') {
      hops.set(cidr, tunnel.hopTo({ cidr, address }));
      peers.push({ cidr, address });
      mtuBytes = Math.min(mtuBytes, way?.mtuBytes ?? mtuBytes);
    }
  }
  if (peers.length === 0) return { hops, tunnel: undefined };
  const address = ways.get(own.address)?.isLocal === true ? own.address : undefined;
  const known = Number.isFinite(mtuBytes) ? mtuBytes : 1500;
  return { hops, tunnel: { own: { cidr: own.cidr, address, mtuBytes: known }, peers } };
}

/** Which ranges this machine should have routes to: a pure function of the nodes. */
import {
  formatIpRange,
  ipRangesOverlap,
  parseIp,
  parseIpRange,
  type IpFamily,
  type IpRange,
} from '@timonel/sdk/contracts/network';
import type { Node } from '@timonel/sdk/kube';
import { wireguardAnnotation } from './wireguard-key.ts';

/** Of a machine, by family; '' where it has none. */
export type Addresses = Readonly<Record<IpFamily, string>>;

/** What of a node matters here. */
export interface NodeFacts {
  readonly name: string;
  /** Of its pods: at most one of each family, IPv4 first. */
  readonly ranges: readonly IpRange[];
  readonly addresses: Addresses;
  /** What it says of its WireGuard, as it is written; '' for nothing. */
  readonly announcement: string;
}

/** A range of another node. */
export interface Peer {
  readonly range: IpRange;
  readonly node: NodeFacts;
}

export interface Wanted {
  readonly peers: readonly Peer[];
  /** Why nodes get no route to a range that they have, each in one sentence. */
  readonly refused: readonly string[];
  /**
   * Of pods that nothing leads to, although no peer has them: of nodes without an address, and refused ones. Disjoint from each other, from those
   * of peers and from this node's; none is outside of the cluster or has this machine in it.
   */
  readonly unrouted: readonly IpRange[];
}

/** A wider range is no single node's. */
const widestPrefixLength: Readonly<Record<IpFamily, number>> = { 4: 8, 6: 16 };
const families: readonly IpFamily[] = [4, 6];

export function factsOf({ metadata, spec, status }: Node): NodeFacts {
  const listed = [spec?.podCIDR ?? '', ...(spec?.podCIDRs ?? [])].flatMap((text) => parseIpRange(text) ?? []);
  const ranges = families.flatMap((family) => listed.find((range) => range.family === family) ?? []);
  const internal = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
  const addressOf = (family: IpFamily): string =>
    internal.find(({ address }) => parseIp(address)?.family === family)?.address ?? '';
  const announcement = metadata.annotations?.[wireguardAnnotation] ?? '';
  return { name: metadata.name ?? '', ranges, addresses: { 4: addressOf(4), 6: addressOf(6) }, announcement };
}

/** Older nodes first: whoever came later does not take over what another has. */
export function factsByAge(nodes: readonly Node[]): readonly NodeFacts[] {
  const key = ({ metadata }: Node): string => `${metadata.creationTimestamp} ${metadata.name}`;
  return [...nodes].sort((a, b) => (key(a) < key(b) ? -1 : 1)).map(factsOf);
}

function hasAddress({ addresses }: NodeFacts): boolean {
  return families.some((family) => addresses[family] !== '');
}

/** `facts`: as {@link factsByAge} has them. */
export function wantedRoutes(facts: readonly NodeFacts[], nodeName: string, clusterCidrs: readonly string[]): Wanted {
  const cluster = clusterCidrs.flatMap((cidr) => parseIpRange(cidr) ?? []);
  const own = facts.find(({ name }) => name === nodeName);
  const taken: { name: string; range: IpRange }[] = (own?.ranges ?? []).map((range) => ({ name: nodeName, range }));
  const peers: Peer[] = [];
  const refused: string[] = [];
  /** Ranges that pods of the cluster may have, but no route. */
  const left: IpRange[] = [];

  function problem({ range, node }: Peer): string | undefined {
    const other = taken.find((each) => ipRangesOverlap(each.range, range));
    if (other !== undefined) return `overlaps that of node ${other.name}`;
    // Traffic between nodes would go astray. No machine is where the cluster has its pods: a node that says so would take others' ranges away.
    const near = outerOf(range, cluster).length > 0 ? [own, node] : facts;
    const inside = near.map((each) => each?.addresses[range.family] ?? '').find((address) => contains(range, address));
    if (inside !== undefined) return `contains ${inside}, the address of a node`;
    const same = families.find(
      (family) => node.addresses[family] !== '' && node.addresses[family] === own?.addresses[family],
    );
    return same === undefined
      ? undefined
      : `is reached through ${node.addresses[same]}, which is this node's own address`;
  }

  for (const node of facts) {
    if (node.name === nodeName) continue;
    for (const range of node.ranges) {
      const peer = { range, node };
      const misplaced = misplacement(range, cluster);
      const why = misplaced ?? problem(peer);
      const isReachable = hasAddress(node);
      if (why === undefined && isReachable) {
        peers.push(peer);
        taken.push({ name: node.name, range });
        continue;
      }
      if (misplaced === undefined) left.push(range);
      if (isReachable) refused.push(`the range ${formatIpRange(range)} of node ${node.name} ${why}: it gets no route`);
    }
  }
  // Peers that come later count too. This machine's own traffic is no pod's.
  const others = left.filter((range) => !contains(range, own?.addresses[range.family] ?? ''));
  const unrouted: IpRange[] = [];
  for (const range of others) {
    const found = [...taken.map((each) => each.range), ...unrouted];
    if (!found.some((each) => ipRangesOverlap(each, range))) unrouted.push(range);
  }
  return { peers, refused, unrouted };
}

/** Those of the range's family. */
function outerOf({ family }: IpRange, cluster: readonly IpRange[]): readonly IpRange[] {
  return cluster.filter((outer) => outer.family === family);
}

/** Why no pods of one node can be there. */
function misplacement(range: IpRange, cluster: readonly IpRange[]): string | undefined {
  const widest = widestPrefixLength[range.family];
  if (range.prefixLength < widest) return `is wider than /${widest}`;
  const outer = outerOf(range, cluster);
  if (outer.length === 0 || outer.some(({ first, last }) => range.first >= first && range.last <= last))
    return undefined;
  return `is not within ${outer.map(formatIpRange).join(', ')}`;
}

function contains({ family, first, last }: IpRange, text: string): boolean {
  const address = parseIp(text);
  return address?.family === family && address.value >= first && address.value <= last;
}

/** Which routes this machine should have: a pure function of the nodes. */
import {
  formatIpv4,
  ipv4RangesOverlap,
  parseIpv4,
  parseIpv4Range,
  type Ipv4Range,
} from '@timonel/sdk/contracts/network';
import type { Node } from '@timonel/sdk/kube';

export interface Wanted {
  /** The other node's address by its range, `10.244.1.0/24`. */
  readonly routes: ReadonlyMap<string, string>;
  /** Nodes that get no route although they have a range and an address, with the reason in one sentence. */
  readonly refused: ReadonlyMap<string, string>;
}

/** A wider range is no single node's. */
const widestPrefixLength = 8;

/** What of a node matters here. */
export function factsOf(node: Node): { readonly cidr: string; readonly address: string } {
  const addresses = (node.status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
  const address = addresses.find((each) => parseIpv4(each.address) !== undefined)?.address ?? '';
  const range = [node.spec?.podCIDR ?? '', ...(node.spec?.podCIDRs ?? [])].map(parseIpv4Range).find(Boolean);
  return { cidr: range === undefined ? '' : `${formatIpv4(range.first)}/${range.prefixLength}`, address };
}

/** Older nodes first: whoever came later does not take over what another has. */
function byAge(a: Node, b: Node): number {
  const key = ({ metadata }: Node): string => `${metadata.creationTimestamp} ${metadata.name}`;
  return key(a) < key(b) ? -1 : 1;
}

export function wantedRoutes(nodes: readonly Node[], nodeName: string, clusterCidrs: readonly string[]): Wanted {
  const cluster = clusterCidrs.flatMap((cidr) => parseIpv4Range(cidr) ?? []);
  const facts = [...nodes].sort(byAge).map((node) => ({ name: node.metadata.name ?? '', ...factsOf(node) }));
  const own = facts.find(({ name }) => name === nodeName);
  const addresses = facts.map(({ address }) => address).filter((address) => address !== '');
  const taken: { name: string; range: Ipv4Range }[] = [];
  const ownRange = parseIpv4Range(own?.cidr ?? '');
  if (own !== undefined && ownRange !== undefined) taken.push({ name: own.name, range: ownRange });
  const routes = new Map<string, string>();
  const refused = new Map<string, string>();

  function problem(range: Ipv4Range, address: string): string | undefined {
    if (range.prefixLength < widestPrefixLength) return `is wider than /${widestPrefixLength}`;
    const isWithin = (outer: Ipv4Range): boolean => range.first >= outer.first && range.last <= outer.last;
    if (cluster.length > 0 && !cluster.some(isWithin)) return `is not within ${clusterCidrs.join(', ')}`;
    const other = taken.find((each) => ipv4RangesOverlap(each.range, range));
    if (other !== undefined) return `overlaps that of node ${other.name}`;
    // Traffic between nodes would go astray.
    const inside = addresses.find((each) => parseIpv4Range(each) !== undefined && contains(range, each));
    if (inside !== undefined) return `contains ${inside}, the address of a node`;
    return address === own?.address ? `is reached through ${address}, which is this node's own address` : undefined;
  }

  for (const { name, cidr, address } of facts) {
    const range = parseIpv4Range(cidr);
    if (name === nodeName || cidr === '' || address === '' || range === undefined) continue;
    const why = problem(range, address);
    if (why !== undefined) refused.set(name, `the range ${cidr} of node ${name} ${why}: it gets no route`);
    else {
      routes.set(cidr, address);
      taken.push({ name, range });
    }
  }
  return { routes, refused };
}

function contains(range: Ipv4Range, address: string): boolean {
  const value = parseIpv4(address) ?? -1;
  return value >= range.first && value <= range.last;
}

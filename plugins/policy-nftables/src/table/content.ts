/**
 * What the policies put into the nftables table: a chain for each different set of rules that a pod of this node has, sets of the addresses
 * of peers, and maps from the pods' addresses to their chains. Names come from what they stand for, so that pods share them.
 */
import { createHash } from 'node:crypto';
import { familyOf, parseIpRange, type IpFamily } from '@timonel/sdk/contracts/network';
import {
  directionsOf,
  isFor,
  peerPods,
  type Direction,
  type PolicyCluster,
  type PolicyPod,
} from '@timonel/sdk/contracts/network-policy';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '@timonel/sdk/kube';
import type { NftElements } from '@timonel/sdk/nftables';

export interface PeerSet {
  /** `addresses`: of pods. `ports`: address, protocol and port, for ports that have a name. */
  readonly kind: 'addresses' | 'ports';
  readonly elements: NftElements;
}

export interface PolicyContent extends FamilyContent {
  /** Absent: no pod of this node has an IPv6 address. */
  readonly ipv6?: FamilyContent;
}

/** What there is in the table of one family. */
export interface FamilyContent {
  readonly sets: ReadonlyMap<string, PeerSet>;
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** From the address of a pod of this node to its chain. */
  readonly ingress: NftElements;
  readonly egress: NftElements;
  /** Each isolated pod's address twice: nobody is cut off from itself. */
  readonly own: NftElements;
}

type Rule = NonNullable<NetworkPolicy['spec']['ingress']>[number] &
  NonNullable<NetworkPolicy['spec']['egress']>[number];

interface Building {
  readonly cluster: PolicyCluster;
  readonly sets: Map<string, PeerSet>;
  readonly family: IpFamily;
  /** As nft calls the family. */
  readonly ip: 'ip' | 'ip6';
}

function groupBy<T>(list: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of list) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return groups;
}

const hash = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);

/** `pods`: those of this node. */
export function policyContent(cluster: PolicyCluster, pods: readonly PolicyPod[]): PolicyContent {
  const content = familyContent(cluster, pods, 4);
  const hasIpv6 = pods.some(({ addresses }) => addresses.some((address) => familyOf(address) === 6));
  return hasIpv6 ? { ...content, ipv6: familyContent(cluster, pods, 6) } : content;
}

function addressesOf({ addresses }: PolicyPod, family: IpFamily): string[] {
  return addresses.filter((address) => familyOf(address) === family);
}

function familyContent(cluster: PolicyCluster, pods: readonly PolicyPod[], family: IpFamily): FamilyContent {
  const building: Building = { cluster, sets: new Map(), family, ip: family === 4 ? 'ip' : 'ip6' };
  const chains = new Map<string, readonly string[]>();
  const maps = { ingress: new Map<string, string>(), egress: new Map<string, string>() };
  const own = new Map<string, string>();
  const byNamespace = groupBy(cluster.policies, ({ metadata }) => metadata.namespace ?? '');
  for (const pod of pods) {
    const policies = (byNamespace.get(pod.namespace) ?? []).filter((policy) => isFor(policy, pod));
    for (const direction of ['ingress', 'egress'] as const) {
      const selecting = policies.filter((policy) => directionsOf(policy).includes(direction));
      if (selecting.length === 0) continue;
      const lines = [...new Set(selecting.flatMap((policy) => policyLines(policy, direction, pod, building))), 'drop'];
      const name = `${direction}_${hash(lines)}`;
      chains.set(name, lines);
      for (const address of addressesOf(pod, family)) {
        maps[direction].set(address, `jump ${name}`);
        own.set(`${address} . ${address}`, '');
      }
    }
  }
  return { sets: building.sets, chains, ...maps, own };
}

function policyLines(policy: NetworkPolicy, direction: Direction, pod: PolicyPod, building: Building): string[] {
  const rules = (direction === 'ingress' ? policy.spec.ingress : policy.spec.egress) as readonly Rule[] | undefined;
  return (rules ?? []).flatMap((rule) => ruleLines(rule, policy.metadata.namespace ?? '', direction, pod, building));
}

function ruleLines(rule: Rule, namespace: string, direction: Direction, pod: PolicyPod, building: Building): string[] {
  const peers = (direction === 'ingress' ? rule.from : rule.to) ?? [];
  const { ports = [] } = rule;
  const named = ports.filter(({ port }) => typeof port === 'string');
  const numbered = ports.filter(({ port }) => typeof port !== 'string');
  const resolved = direction === 'ingress' ? named.flatMap((port) => resolvedPort(port, pod)) : [];
  const matches = ports.length === 0 ? [''] : portMatches([...numbered, ...resolved]);
  const lines = peerMatches(peers, namespace, direction, building).flatMap((peer) =>
    matches.map((port) => `${peer}${port}return`),
  );
  if (direction === 'egress' && named.length > 0) lines.push(...namedPortLines(named, peers, namespace, building));
  return lines;
}

/** What stands before the verdict, for each peer. */
function peerMatches(
  peers: readonly NetworkPolicyPeer[],
  namespace: string,
  direction: Direction,
  { cluster, sets, family, ip }: Building,
): string[] {
  if (peers.length === 0) return [''];
  const field = `${ip} ${direction === 'ingress' ? 'saddr' : 'daddr'}`;
  return peers.flatMap((peer) => {
    if (peer.ipBlock !== undefined) return rangeMatch(field, peer.ipBlock, family);
    const name = `pods_${hash([namespace, peer])}`;
    if (!sets.has(name)) {
      const addresses = peerPods(peer, namespace, cluster).flatMap((pod) => addressesOf(pod, family));
      sets.set(name, { kind: 'addresses', elements: new Map(addresses.map((address) => [address, ''])) });
    }
    return [`${field} @${name} `];
  });
}

/** Ranges of the other family are no part of this table. */
function rangeMatch(
  field: string,
  { cidr, except = [] }: NonNullable<NetworkPolicyPeer['ipBlock']>,
  family: IpFamily,
): string[] {
  if (parseIpRange(cidr)?.family !== family) return [];
  const without = except.filter((range) => parseIpRange(range)?.family === family);
  return [`${field} ${cidr} ${without.map((range) => `${field} != ${range} `).join('')}`];
}

/** The port of this pod that has the name: none, and the rule's part allows nothing. */
function resolvedPort({ port, protocol = 'TCP' }: NetworkPolicyPort, pod: PolicyPod): NetworkPolicyPort[] {
  const number = pod.namedPorts.get(`${protocol} ${port}`);
  return number === undefined ? [] : [{ protocol, port: number }];
}

function portMatches(ports: readonly NetworkPolicyPort[]): string[] {
  return [...groupBy(ports, ({ protocol }) => (protocol ?? 'TCP').toLowerCase())].map(([protocol, list]) => {
    if (list.some(({ port }) => port === undefined)) return `meta l4proto ${protocol} `;
    const ranges = list.map(({ port, endPort }) =>
      endPort === undefined || endPort === port ? String(port) : `${port}-${endPort}`,
    );
    return list.length === 1
      ? `${protocol} dport ${ranges[0]} `
      : `${protocol} dport { ${[...new Set(ranges)].join(', ')} } `;
  });
}

/** Each pod that is reached may have another number for the name. */
function namedPortLines(
  named: readonly NetworkPolicyPort[],
  peers: readonly NetworkPolicyPeer[],
  namespace: string,
  { cluster, sets, family, ip }: Building,
): string[] {
  const name = `ports_${hash([namespace, named, peers])}`;
  if (!sets.has(name)) {
    const pods = peers.length === 0 ? cluster.pods : peers.flatMap((peer) => peerPods(peer, namespace, cluster));
    const elements = pods.flatMap((pod) =>
      named.flatMap(({ port, protocol = 'TCP' }) => {
        const number = pod.namedPorts.get(`${protocol} ${port}`);
        if (number === undefined) return [];
        return addressesOf(pod, family).map(
          (address) => [`${address} . ${protocol.toLowerCase()} . ${number}`, ''] as const,
        );
      }),
    );
    sets.set(name, { kind: 'ports', elements: new Map(elements) });
  }
  return [`${ip} daddr . meta l4proto . th dport @${name} return`];
}

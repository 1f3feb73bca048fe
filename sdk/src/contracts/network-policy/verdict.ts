/** What becomes of one new connection: the model that the kernel's rules are checked against, and the answer to "why". */
import { parseIp, parseIpRange } from '../network/ip-range.ts';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../kube/index.ts';
import type { PolicyCluster, PolicyPod } from './policy-cluster.ts';
import { directionsOf, isFor, peerPods, type Direction } from './selection.ts';

/** One end of a connection. `pod` undefined: somebody outside of the pod network. */
export interface End {
  readonly address: string;
  readonly pod: PolicyPod | undefined;
  /** The node that it is, or whose network it has. */
  readonly node?: string | undefined;
}

export interface Packet {
  readonly from: End;
  readonly to: End;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
}

export interface Decision {
  readonly direction: Direction;
  readonly allowed: boolean;
  /** `namespace/name` of the policies that select the pod at this end; none: everything is allowed. */
  readonly policies: readonly string[];
  /** The one that allows it. */
  readonly by: string | undefined;
}

const nameOf = ({ metadata }: NetworkPolicy): string => `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;

/** First what the sender may send, then what the receiver takes. Both must allow it. */
export function decisions(packet: Packet, cluster: PolicyCluster): readonly Decision[] {
  const { from, to } = packet;
  // Nobody can cut a pod off from itself.
  if (from.pod !== undefined && from.pod.key === to.pod?.key) return [];
  if (isOwnNode(from, to.pod) || isOwnNode(to, from.pod)) return [];
  return [
    ...(from.pod === undefined ? [] : [decide('egress', from.pod, to, packet, cluster)]),
    ...(to.pod === undefined ? [] : [decide('ingress', to.pod, from, packet, cluster)]),
  ];
}

/** Nor from its node, which must probe it. */
function isOwnNode(end: End, pod: PolicyPod | undefined): boolean {
  return end.pod === undefined && end.node !== undefined && end.node === pod?.nodeName;
}

function decide(direction: Direction, pod: PolicyPod, peer: End, packet: Packet, cluster: PolicyCluster): Decision {
  const policies = cluster.policies.filter((policy) => isFor(policy, pod) && directionsOf(policy).includes(direction));
  const by = policies.find((policy) => allows(policy, direction, peer, packet, cluster));
  return {
    direction,
    allowed: policies.length === 0 || by !== undefined,
    policies: policies.map(nameOf),
    by: by === undefined ? undefined : nameOf(by),
  };
}

function allows(
  { spec, metadata }: NetworkPolicy,
  direction: Direction,
  peer: End,
  packet: Packet,
  cluster: PolicyCluster,
): boolean {
  const rules = direction === 'ingress' ? spec.ingress : spec.egress;
  return (rules ?? []).some((rule) => {
    const peers = ('from' in rule ? rule.from : 'to' in rule ? rule.to : undefined) ?? [];
    const { ports = [] } = rule;
    const isPeer = peers.length === 0 || peers.some((one) => matchesPeer(one, metadata.namespace ?? '', peer, cluster));
    return isPeer && (ports.length === 0 || ports.some((port) => matchesPort(port, packet)));
  });
}

function matchesPeer(peer: NetworkPolicyPeer, namespace: string, end: End, cluster: PolicyCluster): boolean {
  const { ipBlock } = peer;
  if (ipBlock === undefined) return end.pod !== undefined && peerPods(peer, namespace, cluster).includes(end.pod);
  return inRange(end.address, ipBlock.cidr) && !(ipBlock.except ?? []).some((range) => inRange(end.address, range));
}

function inRange(address: string, cidr: string): boolean {
  const [range, one] = [parseIpRange(cidr), parseIp(address)];
  if (range === undefined || one?.family !== range.family) return false;
  return one.value >= range.first && one.value <= range.last;
}

function matchesPort(wanted: NetworkPolicyPort, { to, protocol, port }: Packet): boolean {
  if ((wanted.protocol ?? 'TCP') !== protocol) return false;
  if (wanted.port === undefined) return true;
  if (typeof wanted.port === 'string') return to.pod?.namedPorts.get(`${protocol} ${wanted.port}`) === port;
  return port >= wanted.port && port <= (wanted.endPort ?? wanted.port);
}

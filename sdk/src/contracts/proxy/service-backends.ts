/**
 * Which endpoints take the traffic of a service port on one node: readiness, traffic policies and topology hints. Source: the pages
 * "Service internal traffic policy", "Topology aware routing" and "Virtual IPs and service proxies" of Kubernetes' documentation.
 */
import type { EndpointSlice, Service } from '../../kube/index.ts';
import type { Backend } from './index.ts';

/** The node for which rules are made. */
export interface ProxyNode {
  readonly name: string;
  /** Its label topology.kubernetes.io/zone. */
  readonly zone?: string | undefined;
}

export interface ServiceBackends {
  /** At the ClusterIP. */
  readonly backends: readonly Backend[];
  /** Some are only on other nodes, and the policy is Local: no answer, for a refusal would say that there are none. */
  readonly silent?: true;
  /** At node ports and external addresses; absent: the same as at the ClusterIP. */
  readonly externalBackends?: readonly Backend[];
  /** There, for clients outside of the cluster, when the external policy is Local; absent: as for all others. */
  readonly outsideBackends?: readonly Backend[];
}

type Endpoint = EndpointSlice['endpoints'][number];

interface Candidate extends Backend {
  readonly ready: boolean;
  readonly zones: readonly string[];
  readonly nodes: readonly string[];
}

/** An endpoint may be in two slices for a moment; which of them comes first must not matter. */
function keep(candidates: Map<string, Candidate>, candidate: Candidate): void {
  const key = `${candidate.address}:${candidate.port}`;
  const other = candidates.get(key);
  if (other === undefined || goesBefore(candidate, other)) candidates.set(key, candidate);
}

function goesBefore(one: Candidate, other: Candidate): boolean {
  if (one.ready !== other.ready) return one.ready;
  return (one.nodeName ?? '') > (other.nodeName ?? '');
}

function candidatesOf(slices: readonly EndpointSlice[], portName: string, protocol: string): readonly Candidate[] {
  const candidates = new Map<string, Candidate>();
  for (const slice of slices) {
    const port = slice.ports?.find(
      (candidate) => (candidate.name ?? '') === portName && (candidate.protocol ?? 'TCP') === protocol,
    )?.port;
    // Without a number, also as null, it is for clients that know theirs.
    if (!port || slice.addressType === 'FQDN') continue;
    for (const endpoint of slice.endpoints ?? []) {
      const conditions = endpoint.conditions ?? {};
      const ready = conditions.ready ?? true;
      if (!ready && !(conditions.serving === true && conditions.terminating === true)) continue;
      for (const address of endpoint.addresses) keep(candidates, candidateOf(endpoint, address, port, ready));
    }
  }
  return [...candidates.keys()].sort().flatMap((key) => candidates.get(key) ?? []);
}

function candidateOf({ nodeName, hints }: Endpoint, address: string, port: number, ready: boolean): Candidate {
  const zones = (hints?.forZones ?? []).map(({ name }) => name);
  const nodes = (hints?.forNodes ?? []).map(({ name }) => name);
  return { address, port, nodeName: nodeName ?? undefined, ready, zones, nodes };
}

/** Ready ones; where none is, those that still serve while they end. */
function usable(candidates: readonly Candidate[]): readonly Candidate[] {
  const ready = candidates.filter((candidate) => candidate.ready);
  return ready.length > 0 ? ready : candidates;
}

/** Hints count only when every endpoint has some and one is for this node: else some endpoint would be left out by mistake. */
function nearest(candidates: readonly Candidate[], node: ProxyNode): readonly Candidate[] {
  const { name, zone } = node;
  if (candidates.every(({ nodes }) => nodes.length > 0)) {
    const here = candidates.filter(({ nodes }) => nodes.includes(name));
    if (here.length > 0) return here;
  }
  if (zone === undefined || !candidates.every(({ zones }) => zones.length > 0)) return candidates;
  const here = candidates.filter(({ zones }) => zones.includes(zone));
  return here.length > 0 ? here : candidates;
}

function bare(candidates: readonly Candidate[]): readonly Backend[] {
  return candidates.map(({ address, port, nodeName }) => ({ address, port, nodeName }));
}

/** `node` undefined: the rules are for no node in particular, and neither policies nor hints count. */
export function serviceBackends(
  spec: Service['spec'],
  port: { readonly name: string; readonly protocol: string },
  slices: readonly EndpointSlice[],
  node: ProxyNode | undefined,
): ServiceBackends {
  const candidates = candidatesOf(slices, port.name, port.protocol);
  const all = usable(candidates);
  if (node === undefined) return { backends: bare(all) };
  const cluster = bare(nearest(all, node));
  const local = bare(usable(candidates.filter(({ nodeName }) => nodeName === node.name)));
  const [inside, outside] = [spec.internalTrafficPolicy === 'Local', spec.externalTrafficPolicy === 'Local'];
  const silent = inside && local.length === 0 && cluster.length > 0;
  return {
    backends: inside ? local : cluster,
    ...(silent ? { silent: true } : {}),
    ...(inside ? { externalBackends: cluster } : {}),
    // Without any endpoint at all, outside is refused as everywhere else.
    ...(outside && cluster.length > 0 ? { outsideBackends: local } : {}),
  };
}

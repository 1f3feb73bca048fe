/** The service proxy of a node: makes cluster IPs and node ports lead to ready endpoints. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { EndpointSlice, Service } from '../../kube/index.ts';
import { serviceBackends, type ProxyNode } from './service-backends.ts';
import { formatIpv4, ipv4RangesOverlap, parseIpv4Range } from '../network/ipv4.ts';

export type { ProxyNode } from './service-backends.ts';

export interface Backend {
  readonly address: string;
  readonly port: number;
  readonly nodeName: string | undefined;
}

/** One port of one service with everything a data plane needs. Sorted by `id`, backends sorted too. */
export interface ServicePortRule {
  /** `namespace/name:port-name` (or the number where the port has no name). */
  readonly id: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
  /** Empty for services without one. */
  readonly clusterIPs: readonly string[];
  /** External IPs, and the addresses of its load balancer. */
  readonly externalIPs: readonly string[];
  /** Those of the external IPs that answer only to clients of these IPv4 ranges (CIDR): all others get no answer. Absent: none. */
  readonly restricted?: { readonly addresses: readonly string[]; readonly sources: readonly string[] };
  readonly nodePort: number | undefined;
  /** Seconds of ClientIP affinity; undefined: none. */
  readonly affinitySeconds: number | undefined;
  /** Of its ClusterIPs: ready ones; where none is ready, serving and terminating ones. Empty: refuse connections at once. */
  readonly backends: readonly Backend[];
  /** There are none on this node, and others must not be used: connections to its ClusterIPs get no answer. */
  readonly silent?: true;
  /** Of its external addresses and its node port, where they differ from `backends`. */
  readonly externalBackends?: readonly Backend[];
  /**
   * Of these, for clients outside of the cluster, which must not be sent to other nodes and keep their address. Empty: they get no
   * answer. Absent: as for clients inside.
   */
  readonly outsideBackends?: readonly Backend[];
  /** Where load balancers ask how many endpoints this node has. */
  readonly healthCheck?: { readonly port: number; readonly localEndpoints: number };
}

export interface ProxyStatus {
  readonly implementation: string;
  readonly rules: number;
  readonly backends: number;
  /** ms since the epoch of the last successful sync; 0: none yet. */
  readonly lastSyncAt: number;
  readonly lastError: string | undefined;
}

export interface ServiceProxy {
  status(): Promise<ProxyStatus>;
  /** Writes everything anew. */
  resync(): Promise<void>;
}

/** Token of the node's service proxy. Old and new may overlap for a moment during a swap: both serve the same rules. */
export const serviceProxy: ServiceToken<ServiceProxy, 'one'> = defineService<ServiceProxy>('proxy', {
  major: 1,
  cardinality: 'one',
});

function serviceAddresses(service: Service): string[] {
  const all = service.spec.clusterIPs ?? (service.spec.clusterIP === undefined ? [] : [service.spec.clusterIP]);
  return all.filter((address) => address !== '' && address !== 'None');
}

/** Those that packets arrive with. Behind a load balancer that is a proxy they do not. */
function loadBalancerAddresses({ spec, status }: Service): string[] {
  if (spec.type !== 'LoadBalancer') return [];
  const ingress = status?.loadBalancer?.ingress ?? [];
  return ingress.flatMap(({ ip, ipMode }) => (ip === undefined || ip === '' || ipMode === 'Proxy' ? [] : [ip]));
}

const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** In their normal form, without those that lie in others. Ranges of another family, or without sense, are left out. */
function normalRanges(texts: readonly string[]): string[] {
  const ranges = texts.flatMap((text) => parseIpv4Range(text.trim()) ?? []);
  const widestFirst = ranges.sort((a, b) => a.prefixLength - b.prefixLength || a.first - b.first);
  const kept: typeof ranges = [];
  for (const range of widestFirst) if (!kept.some((other) => ipv4RangesOverlap(other, range))) kept.push(range);
  return kept.map(({ first, prefixLength }) => `${formatIpv4(first)}/${prefixLength}`);
}

function restrictionOf(service: Service): Pick<ServicePortRule, 'restricted'> {
  const { spec, metadata } = service;
  const addresses = loadBalancerAddresses(service);
  const listed = spec.loadBalancerSourceRanges ?? [];
  const annotated = metadata.annotations?.[rangesAnnotation]?.split(',') ?? [];
  const texts = (listed.length > 0 ? listed : annotated).filter((text) => text.trim() !== '');
  if (addresses.length === 0 || texts.length === 0) return {};
  // What is not understood allows nobody.
  const sources = normalRanges(texts);
  return sources[0] === '0.0.0.0/0' ? {} : { restricted: { addresses, sources } };
}

/** The port of a load balancer's service whose external policy is Local. Endpoints that end do not count: it must turn away in time. */
function healthCheckOf(
  { spec }: Service,
  slices: readonly EndpointSlice[],
  node: ProxyNode | undefined,
): Pick<ServicePortRule, 'healthCheck'> {
  const port = spec.healthCheckNodePort;
  if (!port || spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local' || node === undefined) return {};
  const local = slices.flatMap(({ endpoints }) => endpoints ?? []).filter(({ nodeName }) => nodeName === node.name);
  const addresses = new Set(
    local.filter(({ conditions }) => conditions?.ready ?? true).flatMap((each) => each.addresses),
  );
  return { healthCheck: { port, localEndpoints: addresses.size } };
}

/**
 * The rules for a set of services and their slices (label `kubernetes.io/service-name` names the service). Headless and
 * ExternalName services have none. `node`: the one that they are for; without it traffic policies and hints do not count. Pure; the result is sorted, so equal input gives equal output.
 */
export function buildServiceRules(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  node?: ProxyNode,
): readonly ServicePortRule[] {
  const byService = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const name = slice.metadata.labels?.['kubernetes.io/service-name'];
    if (name === undefined) continue;
    const key = `${slice.metadata.namespace ?? ''}/${name}`;
    const list = byService.get(key);
    if (list === undefined) byService.set(key, [slice]);
    else list.push(slice);
  }
  const rules: ServicePortRule[] = [];
  for (const service of services) {
    const clusterIPs = serviceAddresses(service);
    const externalIPs = [...new Set([...(service.spec.externalIPs ?? []), ...loadBalancerAddresses(service)])];
    if (service.spec.type === 'ExternalName' || clusterIPs.length + externalIPs.length === 0) continue;
    const key = `${service.metadata.namespace ?? ''}/${service.metadata.name ?? ''}`;
    for (const port of service.spec.ports ?? []) {
      const protocol = (port.protocol ?? 'TCP') as ServicePortRule['protocol'];
      rules.push({
        id: `${key}:${port.name || port.port}`,
        protocol,
        port: port.port,
        clusterIPs,
        externalIPs,
        ...restrictionOf(service),
        // Clients also say 0 for none.
        nodePort: port.nodePort || undefined,
        affinitySeconds:
          service.spec.sessionAffinity === 'ClientIP'
            ? (service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800)
            : undefined,
        ...serviceBackends(service.spec, { name: port.name ?? '', protocol }, byService.get(key) ?? [], node),
        ...healthCheckOf(service, byService.get(key) ?? [], node),
      });
    }
  }
  return rules.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

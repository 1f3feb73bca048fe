/** The service proxy of a node: makes cluster IPs and node ports lead to ready endpoints. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { EndpointSlice, Service } from '../../kube/index.ts';
import { formatIpv4, ipv4RangesOverlap, parseIpv4Range } from '../network/ipv4.ts';

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
  /** Ready ones; where none is ready, serving and terminating ones. Empty: refuse connections at once. */
  readonly backends: readonly Backend[];
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

/** An endpoint may be in two slices for a moment; which of them comes first must not matter. */
function keep(backends: Map<string, Backend>, backend: Backend): void {
  const key = `${backend.address}:${backend.port}`;
  const other = backends.get(key);
  if (other === undefined || (backend.nodeName ?? '') > (other.nodeName ?? '')) backends.set(key, backend);
}

function backendsOf(slices: readonly EndpointSlice[], portName: string, protocol: string): Backend[] {
  const ready = new Map<string, Backend>();
  const fallback = new Map<string, Backend>();
  for (const slice of slices) {
    const port = slice.ports?.find(
      (candidate) => (candidate.name ?? '') === portName && (candidate.protocol ?? 'TCP') === protocol,
    )?.port;
    // Without a number, also as null, it is for clients that know theirs.
    if (!port || slice.addressType === 'FQDN') continue;
    for (const endpoint of slice.endpoints ?? []) {
      const conditions = endpoint.conditions ?? {};
      const isReady = conditions.ready ?? true;
      if (!isReady && !(conditions.serving === true && conditions.terminating === true)) continue;
      for (const address of endpoint.addresses) {
        keep(isReady ? ready : fallback, { address, port, nodeName: endpoint.nodeName ?? undefined });
      }
    }
  }
  const chosen = ready.size > 0 ? ready : fallback;
  return [...chosen.keys()].sort().flatMap((key) => chosen.get(key) ?? []);
}

/**
 * The rules for a set of services and their slices (label `kubernetes.io/service-name` names the service). Headless and
 * ExternalName services have none. Pure; the result is sorted, so equal input gives equal output.
 */
export function buildServiceRules(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
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
        backends: backendsOf(byService.get(key) ?? [], port.name ?? '', protocol),
      });
    }
  }
  return rules.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** The rules of one service. */
import type { EndpointSlice, Service } from '../../kube/index.ts';
import { formatIpRange, ipRangesOverlap, parseIpRange } from '../network/ip-range.ts';
import type { ServicePortRule } from './index.ts';
import { serviceBackends, type ProxyNode } from './service-backends.ts';

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

/** In their normal form, without those that lie in others; IPv4 first. Those without sense are left out. */
function normalRanges(texts: readonly string[]): string[] {
  const ranges = texts.flatMap((text) => parseIpRange(text.trim()) ?? []);
  const widestFirst = ranges.sort(
    (a, b) => a.family - b.family || a.prefixLength - b.prefixLength || (a.first < b.first ? -1 : 1),
  );
  const kept: typeof ranges = [];
  for (const range of widestFirst) if (!kept.some((other) => ipRangesOverlap(other, range))) kept.push(range);
  return kept.map(formatIpRange);
}

function restrictionOf(service: Service): Pick<ServicePortRule, 'restricted'> {
  const { spec, metadata } = service;
  const addresses = loadBalancerAddresses(service);
  const listed = spec.loadBalancerSourceRanges ?? [];
  const annotated = metadata.annotations?.[rangesAnnotation]?.split(',') ?? [];
  const texts = (listed.length > 0 ? listed : annotated).filter((text) => text.trim() !== '');
  if (addresses.length === 0 || texts.length === 0) return {};
  // What is not understood allows nobody. Ranges of one family allow nobody of the other, unless all that they say is: everybody.
  const sources = normalRanges(texts);
  const isForAll = sources.length > 0 && sources.every((range) => range.endsWith('/0'));
  return isForAll ? {} : { restricted: { addresses, sources } };
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

function isOfApi({ metadata }: Service): boolean {
  return metadata.namespace === 'default' && metadata.name === 'kubernetes';
}

/** One for each port. Headless and ExternalName services have none. `slices`: its own. */
export function serviceRules(
  service: Service,
  slices: readonly EndpointSlice[],
  node: ProxyNode | undefined,
): readonly ServicePortRule[] {
  const { metadata, spec } = service;
  const clusterIPs = serviceAddresses(service);
  const externalIPs = [...new Set([...(spec.externalIPs ?? []), ...loadBalancerAddresses(service)])];
  if (spec.type === 'ExternalName' || clusterIPs.length + externalIPs.length === 0) return [];
  const common = {
    clusterIPs,
    externalIPs,
    ...restrictionOf(service),
    affinitySeconds:
      spec.sessionAffinity === 'ClientIP'
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800)
        : undefined,
    ...healthCheckOf(service, slices, node),
    ...(isOfApi(service) ? { insideOnly: true as const } : {}),
  };
  return (spec.ports ?? []).map((port) => {
    const protocol = (port.protocol ?? 'TCP') as ServicePortRule['protocol'];
    return {
      id: `${metadata.namespace ?? ''}/${metadata.name ?? ''}:${port.name || port.port}`,
      protocol,
      port: port.port,
      ...common,
      // Clients also say 0 for none.
      nodePort: port.nodePort || undefined,
      ...serviceBackends(spec, { name: port.name ?? '', protocol }, slices, node),
    };
  });
}

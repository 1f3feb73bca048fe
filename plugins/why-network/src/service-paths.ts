/** Where a service sends new connections of one client: by the very rules that proxies are made of. Pure. */
import { buildServiceRules, type Backend } from '@timonel/sdk/contracts/proxy';
import type { EndpointState, TrafficService } from '@timonel/sdk/contracts/why';
import type { EndpointSlice, Service } from '@timonel/sdk/kube';
import { nodeOf, type Destination } from './path.ts';
import { portsShown, servicePort } from './ports.ts';
import { keyOf, type Scene, type ServiceEnd } from './scene.ts';

export interface ServiceTraffic {
  readonly service: TrafficService;
  readonly port: number | undefined;
  readonly destinations: readonly Destination[];
  /** What happens when there is nothing to send to. */
  readonly without: 'refused' | 'dropped' | 'unknown';
  /** Why. */
  readonly reason: string;
}

type Endpoint = EndpointSlice['endpoints'][number];

function stateOf({ conditions = {} }: Endpoint): EndpointState {
  if (conditions.ready ?? true) return 'ready';
  return conditions.serving === true && conditions.terminating === true ? 'serving' : 'not ready';
}

function typeOf({ spec }: Service): string {
  if (spec.type === 'ExternalName') return 'ExternalName';
  return spec.clusterIP === 'None' ? 'headless' : (spec.type ?? 'ClusterIP');
}

function destinationsOf(
  end: ServiceEnd,
  portName: string,
  protocol: string,
  isUsed: (one: Backend) => boolean,
): Destination[] {
  const found = new Map<string, Destination>();
  for (const { ports, endpoints, addressType } of end.slices) {
    const port = ports?.find((one) => (one.name ?? '') === portName && (one.protocol ?? 'TCP') === protocol)?.port;
    if (!port || addressType === 'FQDN') continue;
    for (const endpoint of endpoints ?? []) {
      const { targetRef, nodeName } = endpoint;
      const pod = targetRef?.kind === 'Pod' ? end.pods.get(`${targetRef.namespace}/${targetRef.name}`) : undefined;
      const node = nodeName ?? pod?.spec.nodeName;
      for (const address of endpoint.addresses) {
        const used = isUsed({ address, port, nodeName: undefined });
        found.set(`${address} ${port}`, { address, port, pod, node, state: stateOf(endpoint), used });
      }
    }
  }
  return [...found.values()].sort((a, b) => Number(b.used) - Number(a.used) || (a.address < b.address ? -1 : 1));
}

function withoutPort(service: Service, scene: Scene): ServiceTraffic {
  const has = portsShown(service.spec.ports ?? []).join(', ') || 'none';
  const { namespace = '', name = '' } = service.metadata;
  return {
    service: { namespace, name, type: typeOf(service) },
    port: Number(scene.port) || undefined,
    destinations: [],
    without: 'refused',
    reason: `the service has no port ${scene.port}/${scene.protocol}; its ports: ${has}`,
  };
}

/** Of those that the service has on other nodes, when its policy keeps it to its own. */
const localReason = 'internalTrafficPolicy is Local, and the node has no endpoint that is ready';

/** @throws ApiError BadRequest when it has several ports and none is named */
export function serviceTraffic(end: ServiceEnd, scene: Scene): ServiceTraffic {
  const { service, slices } = end;
  const { namespace = '', name = '' } = service.metadata;
  const common = { namespace, name, type: typeOf(service) };
  if (service.spec.type === 'ExternalName') {
    const reason = `it is another name for ${service.spec['externalName'] as string}: nothing is translated`;
    return { service: common, port: Number(scene.port) || undefined, destinations: [], without: 'unknown', reason };
  }
  const port = servicePort(service, scene.port, scene.protocol);
  if (port === undefined) return withoutPort(service, scene);
  const node = nodeOf(scene.from);
  const zone = node === undefined ? undefined : scene.nodes.get(node)?.metadata.labels?.['topology.kubernetes.io/zone'];
  const rules = buildServiceRules([service], slices, node === undefined ? undefined : { name: node, zone });
  const rule = rules.find(({ id }) => id === `${keyOf(service)}:${port.name || port.port}`);
  const isUsed = (one: Backend): boolean =>
    rule?.backends.some(({ address, port: to }) => address === one.address && to === one.port) ?? false;
  const all = destinationsOf(end, port.name ?? '', scene.protocol, isUsed);
  // Names of a headless service lead to all that are ready.
  const destinations = common.type === 'headless' ? all.map((one) => ({ ...one, used: one.state === 'ready' })) : all;
  const label = `${port.name ? `${port.name} ` : ''}${port.port} -> ${port.targetPort ?? port.port}`;
  return {
    service: { ...common, port: label },
    port: port.port,
    destinations,
    without: rule?.silent === true ? 'dropped' : 'refused',
    reason: rule?.silent === true ? localReason : reasonOf(service, all),
  };
}

function reasonOf({ spec }: Service, all: readonly Destination[]): string {
  if (all.length > 0) return `none of its ${all.length} endpoints is ready`;
  const selector = Object.entries(spec.selector ?? {}).map(([key, value]) => `${key}=${value}`);
  return selector.length === 0
    ? 'it has no endpoints, and no selector that would find some'
    : `it has no endpoints: no pod with ${selector.join(',')} has an address and the port`;
}

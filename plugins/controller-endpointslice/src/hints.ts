/** Topology hints: which clients an endpoint is meant for. */
import type { Endpoint, EndpointSlice, Service } from '@timonel/sdk/kube';
import { endpointKey } from '@timonel/sdk/controller/endpoints';
import type { PodEndpoint } from './endpoints.ts';
import type { NodeFacts } from './nodes.ts';
import { distribute } from './zones.ts';

export type HintsMode = 'none' | 'same-zone' | 'same-node' | 'auto';

const modeAnnotations = ['service.kubernetes.io/topology-mode', 'service.kubernetes.io/topology-aware-hints'];

/** The annotation is older, and goes before the field. */
export function hintsMode({ metadata, spec }: Service): HintsMode {
  const annotation = modeAnnotations.map((key) => metadata.annotations?.[key]).find((value) => value !== undefined);
  if (annotation === 'Auto' || annotation === 'auto') return 'auto';
  switch (spec.trafficDistribution) {
    case 'PreferClose':
    case 'PreferSameZone':
      return 'same-zone';
    case 'PreferSameNode':
      return 'same-node';
    default:
      return 'none';
  }
}

export interface Hinted {
  readonly endpoints: readonly PodEndpoint[];
  /** Why the mode `auto` gives a family no hints. */
  readonly refusals: ReadonlyMap<string, string>;
}

const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready !== false;

function closest(one: PodEndpoint, mode: HintsMode): PodEndpoint {
  const { zone, nodeName } = one.endpoint;
  if (!isReady(one.endpoint)) return one;
  // Zones are what proxies fall back to when the node has no endpoint. A cluster need not have any.
  const hints = {
    ...(zone === undefined ? {} : { forZones: [{ name: zone }] }),
    ...(mode === 'same-node' && nodeName !== undefined ? { forNodes: [{ name: nodeName }] } : {}),
  };
  return Object.keys(hints).length === 0 ? one : { ...one, endpoint: { ...one.endpoint, hints } };
}

/** Which zone each endpoint was meant for before. */
function zonesBefore(slices: readonly EndpointSlice[]): Map<string, string> {
  const zones = new Map<string, string>();
  for (const endpoint of slices.flatMap((slice) => slice.endpoints ?? [])) {
    const name = endpoint.hints?.forZones?.[0]?.name;
    if (name !== undefined) zones.set(endpointKey(endpoint), name);
  }
  return zones;
}

/** Gives the endpoints their hints. Endpoints keep the zone that they were meant for as long as it can be. */
export function withHints(
  service: Service,
  endpoints: readonly PodEndpoint[],
  slices: readonly EndpointSlice[],
  nodes: () => readonly NodeFacts[],
): Hinted {
  const mode = hintsMode(service);
  const refusals = new Map<string, string>();
  if (mode === 'none') return { endpoints, refusals };
  if (mode !== 'auto') return { endpoints: endpoints.map((one) => closest(one, mode)), refusals };
  const hinted = [...new Set(endpoints.map(({ family }) => family))].flatMap((family) => {
    const own = endpoints.filter((one) => one.family === family);
    const ready = own.map(({ endpoint }) => endpoint).filter(isReady);
    const before = zonesBefore(slices.filter(({ addressType }) => addressType === family));
    const zones = distribute(ready, nodes(), before);
    if (typeof zones === 'string') {
      refusals.set(family, zones);
      return own;
    }
    return own.map((one) => {
      const name = zones.get(endpointKey(one.endpoint));
      return name === undefined ? one : { ...one, endpoint: { ...one.endpoint, hints: { forZones: [{ name }] } } };
    });
  });
  return { endpoints: hinted, refusals };
}

/** What the endpoints of a service need: a pure function from what was observed to the actions to take. */
import { jsonEqual } from '@timonel/sdk/controller';
import {
  controllerOf,
  controllerReference,
  services,
  type Endpoint,
  type Endpoints,
  type EndpointSlice,
  type Pod,
  type Service,
} from '@timonel/sdk/kube';
import { endpointOf, groupByPorts, hasEndpoints, type SlicePort } from './endpoints.ts';
import { desiredEndpoints, endpointsDiffer, managedByLabel, manager } from './legacy-endpoints.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const sliceManagedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const sliceManager = 'endpointslice-controller.k8s.io';
const headlessLabel = 'service.kubernetes.io/headless';
export const endpointsPerSlice = 100;

export interface Observed {
  /** Undefined: there is no such service (any more). */
  readonly service: Service | undefined;
  /** Pods of the namespace that the service selects. */
  readonly pods: readonly Pod[];
  /** The slices of that service name which this controller manages. */
  readonly slices: readonly EndpointSlice[];
  /** The Endpoints object of that name. */
  readonly endpoints: Endpoints | undefined;
}

export type Cause = 'EndpointsChanged' | 'NoSelector' | 'ServiceGone' | 'SurplusSlice';

export type Action =
  | { readonly do: 'createSlice' | 'updateSlice' | 'deleteSlice'; readonly slice: EndpointSlice; readonly cause: Cause }
  | {
      readonly do: 'createEndpoints' | 'updateEndpoints' | 'deleteEndpoints';
      readonly endpoints: Endpoints;
      readonly cause: Cause;
    };

export function selects(service: Service): boolean {
  return Object.keys(service.spec.selector ?? {}).length > 0 && service.spec.type !== 'ExternalName';
}

function labelsOf(service: Service): Record<string, string> {
  return {
    ...service.metadata.labels,
    [serviceNameLabel]: service.metadata.name ?? '',
    [sliceManagedByLabel]: sliceManager,
    ...(service.spec.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
  };
}

function newSlice(service: Service, family: string, ports: readonly SlicePort[], endpoints: Endpoint[]): EndpointSlice {
  const { name, namespace } = service.metadata;
  return {
    metadata: {
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: labelsOf(service),
      ownerReferences: [controllerReference(service, services)],
    },
    addressType: family,
    endpoints,
    ports: [...ports],
  };
}

/**
 * Puts the endpoints into the existing slices with as few writes as it can: each stays where it is, new ones fill the gaps, the
 * rest goes into new slices.
 */
function pack(
  service: Service,
  family: string,
  ports: readonly SlicePort[],
  wanted: readonly Endpoint[],
  slices: readonly EndpointSlice[],
): Action[] {
  const left = new Map(wanted.map((endpoint) => [endpoint.targetRef?.uid ?? endpoint.addresses.join(), endpoint]));
  const filled = slices.map((slice) => {
    const kept = slice.endpoints.flatMap((before) => {
      const key = before.targetRef?.uid ?? before.addresses.join();
      const endpoint = left.get(key);
      left.delete(key);
      return endpoint === undefined ? [] : [endpoint];
    });
    return { slice, endpoints: kept.slice(0, endpointsPerSlice) };
  });
  const rest = [...left.values()];
  // Fullest first, so that slices run empty and can go.
  for (const { endpoints } of [...filled].sort((a, b) => b.endpoints.length - a.endpoints.length)) {
    if (endpoints.length > 0) endpoints.push(...rest.splice(0, endpointsPerSlice - endpoints.length));
  }
  for (const { endpoints } of filled) endpoints.push(...rest.splice(0, endpointsPerSlice - endpoints.length));
  const actions: Action[] = [];
  const keep = filled.filter(({ endpoints }) => endpoints.length > 0);
  const kept = keep.length > 0 || rest.length > 0 ? keep : filled.slice(0, 1);
  for (const { slice, endpoints } of kept) {
    const labels = labelsOf(service);
    if (jsonEqual(slice.endpoints, endpoints) && jsonEqual(slice.metadata.labels, labels)) continue;
    const updated = { ...slice, metadata: { ...slice.metadata, labels }, endpoints };
    actions.push({ do: 'updateSlice', slice: updated, cause: 'EndpointsChanged' });
  }
  while (rest.length > 0) {
    const slice = newSlice(service, family, ports, rest.splice(0, endpointsPerSlice));
    actions.push({ do: 'createSlice', slice, cause: 'EndpointsChanged' });
  }
  const surplus = filled.filter((entry) => !kept.includes(entry));
  return [...actions, ...surplus.map(({ slice }): Action => ({ do: 'deleteSlice', slice, cause: 'SurplusSlice' }))];
}

function planFamily(
  service: Service,
  family: string,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[],
): Action[] {
  const groups = groupByPorts(
    service,
    pods.filter((pod) => endpointOf(service, pod, family) !== undefined),
  );
  // A service without endpoints has one empty slice, which tells "none" from "not looked at yet".
  if (groups.length === 0) {
    const [first, ...surplus] = slices;
    const actions = surplus.map((slice): Action => ({ do: 'deleteSlice', slice, cause: 'SurplusSlice' }));
    if (first !== undefined) return [...pack(service, family, first.ports ?? [], [], [first]), ...actions];
    return [{ do: 'createSlice', slice: newSlice(service, family, [], []), cause: 'EndpointsChanged' }, ...actions];
  }
  const actions = groups.flatMap(({ ports, pods: members }) => {
    const wanted = members.flatMap((pod) => endpointOf(service, pod, family) ?? []);
    return pack(
      service,
      family,
      ports,
      wanted,
      slices.filter((slice) => jsonEqual(slice.ports ?? [], ports)),
    );
  });
  const known = groups.map(({ ports }) => ports);
  const strays = slices.filter((slice) => !known.some((ports) => jsonEqual(slice.ports ?? [], ports)));
  return [...actions, ...strays.map((slice): Action => ({ do: 'deleteSlice', slice, cause: 'SurplusSlice' }))];
}

function planSlices(service: Service, pods: readonly Pod[], slices: readonly EndpointSlice[]): Action[] {
  const families = service.spec.ipFamilies ?? ['IPv4'];
  const usable = slices.filter(
    (slice) =>
      controllerOf(slice)?.uid === service.metadata.uid &&
      families.includes(slice.addressType) &&
      slice.metadata.deletionTimestamp === undefined,
  );
  const stale = slices.filter((slice) => !usable.includes(slice) && slice.metadata.deletionTimestamp === undefined);
  return [
    ...families.flatMap((family) =>
      planFamily(
        service,
        family,
        pods,
        usable.filter((slice) => slice.addressType === family),
      ),
    ),
    ...stale.map((slice): Action => ({ do: 'deleteSlice', slice, cause: 'SurplusSlice' })),
  ];
}

function planRemoval({ slices, endpoints }: Observed, cause: Cause): Action[] {
  const actions = slices.map((slice): Action => ({ do: 'deleteSlice', slice, cause }));
  if (endpoints?.metadata.labels?.[managedByLabel] === manager)
    actions.push({ do: 'deleteEndpoints', endpoints, cause });
  return actions;
}

/** The writes that bring slices and Endpoints up to date. Nothing to do: an empty list. */
export function plan(observed: Observed): Action[] {
  const { service, endpoints } = observed;
  if (service === undefined || service.metadata.deletionTimestamp !== undefined)
    return planRemoval(observed, 'ServiceGone');
  // Endpoints of a service without selector are made by hand.
  if (!selects(service)) return observed.slices.map((slice) => ({ do: 'deleteSlice', slice, cause: 'NoSelector' }));
  const pods = observed.pods
    .filter(hasEndpoints)
    .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  const actions = planSlices(service, pods, observed.slices);
  const desired = desiredEndpoints(service, pods, endpoints);
  if (endpoints === undefined) actions.push({ do: 'createEndpoints', endpoints: desired, cause: 'EndpointsChanged' });
  else if (endpointsDiffer(endpoints, desired)) {
    actions.push({ do: 'updateEndpoints', endpoints: desired, cause: 'EndpointsChanged' });
  }
  return actions;
}

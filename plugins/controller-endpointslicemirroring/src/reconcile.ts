/** Hand-made Endpoints as EndpointSlices: a pure function from what was observed to the actions to take. */
import { isIP } from 'node:net';
import {
  act,
  jsonEqual,
  type Action,
  type ActionCause,
  type Observation,
  type Reconciliation,
} from '@timonel/sdk/controller';
import {
  packSlices,
  portsKey,
  serviceNameLabel,
  sliceManagedByLabel,
  sliceNames,
  triggerTimeAnnotation,
  type EndpointGroup,
  type SliceContent,
  type SlicePort,
} from '@timonel/sdk/controller/endpoints';
import type { Cause } from '@timonel/sdk/contracts/why';
import {
  controllerOf,
  controllerReference,
  endpoints,
  endpointSlices,
  type Endpoint,
  type Endpoints,
  type EndpointSlice,
  type Service,
} from '@timonel/sdk/kube';

export const sliceManager = 'endpointslicemirroring-controller.k8s.io';
export const endpointsPerSlice = 100;
/** Of one subset. More are not mirrored. */
export const subsetLimit = 1000;
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

export interface Observed extends Observation<Endpoints> {
  /** Of the same name. */
  readonly service: Service | undefined;
  /** Those of that name which this controller manages. */
  readonly slices: readonly EndpointSlice[];
  readonly isTaken: (name: string) => boolean;
}

type Subset = NonNullable<Endpoints['subsets']>[number];
type Address = NonNullable<Subset['addresses']>[number];

const causes = {
  changed: { code: 'EndpointsChanged', text: 'the Endpoints are others now' },
  surplus: { code: 'SurplusSlice', text: 'its endpoints are in other slices, or gone' },
  notMirrored: { code: 'NotMirrored', text: 'the Endpoints are gone, or not to be mirrored' },
} as const satisfies Record<string, ActionCause>;

const event = {
  reason: 'UpdatedEndpointSlices',
  message: '',
  onlyFailure: true,
  failure: { reason: 'FailedToUpdateEndpointSlices', message: 'Failed to update EndpointSlices: ' },
} as const;

/** Endpoints that say of themselves, or whose service says, that their slices are not made from them. */
export function isMirrored({ metadata }: Endpoints, service: Service | undefined): boolean {
  if (metadata.deletionTimestamp !== undefined || service === undefined) return false;
  if (metadata.labels?.[skipLabel] === 'true' || metadata.annotations?.[leaderAnnotation] !== undefined) return false;
  return Object.keys(service.spec.selector ?? {}).length === 0;
}

function endpointOf({ ip, hostname, nodeName, targetRef }: Address, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(targetRef ? { targetRef } : {}),
    ...(nodeName ? { nodeName } : {}),
  };
}

interface Mirrored {
  readonly groups: readonly EndpointGroup[];
  readonly skipped: number;
  readonly invalid: number;
}

interface Group {
  readonly family: string;
  readonly ports: readonly SlicePort[];
  readonly endpoints: Map<string, Endpoint>;
}

function slicePorts(subset: Subset): SlicePort[] {
  return (subset.ports ?? []).map(({ name, port, protocol, appProtocol }) => ({
    name: name ?? '',
    port,
    protocol: protocol ?? 'TCP',
    ...(appProtocol ? { appProtocol } : {}),
  }));
}

/** Addresses of subsets with the same ports are together; one that is named twice counts once. */
export function mirrored({ subsets }: Endpoints): Mirrored {
  const groups = new Map<string, Group>();
  let skipped = 0;
  let invalid = 0;
  for (const subset of subsets ?? []) {
    const ports = slicePorts(subset);
    const all = [
      ...(subset.addresses ?? []).map((address) => endpointOf(address, true)),
      ...(subset.notReadyAddresses ?? []).map((address) => endpointOf(address, false)),
    ];
    skipped += Math.max(0, all.length - subsetLimit);
    for (const endpoint of all.slice(0, subsetLimit)) {
      const [address = ''] = endpoint.addresses;
      const version = isIP(address);
      if (version === 0) {
        invalid += 1;
        continue;
      }
      const family = version === 6 ? 'IPv6' : 'IPv4';
      const key = `${family} ${portsKey(ports)}`;
      const group = groups.get(key) ?? { family, ports, endpoints: new Map<string, Endpoint>() };
      groups.set(key, group);
      const id = `${address} ${endpoint.targetRef?.uid ?? ''}`;
      if (!group.endpoints.has(id)) group.endpoints.set(id, endpoint);
    }
  }
  const result = [...groups.values()].map((group) => ({ ...group, endpoints: [...group.endpoints.values()] }));
  return { groups: result, skipped, invalid };
}

/** What a slice takes over of the Endpoints: labels and annotations, but for those that speak of the object itself. */
function metadataOf({ metadata }: Endpoints): Pick<EndpointSlice['metadata'], 'labels' | 'annotations'> {
  const { [lastAppliedAnnotation]: _, [triggerTimeAnnotation]: __, ...annotations } = metadata.annotations ?? {};
  const labels = { ...metadata.labels, [serviceNameLabel]: metadata.name ?? '', [sliceManagedByLabel]: sliceManager };
  return { labels, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) };
}

function withMetadata(slice: EndpointSlice, subject: Endpoints): EndpointSlice {
  const { labels: _, annotations: __, ...metadata } = slice.metadata;
  return { ...slice, metadata: { ...metadata, ...metadataOf(subject) } };
}

function newSlice(
  subject: Endpoints,
  name: string,
  { addressType, ports, endpoints: list }: SliceContent,
): EndpointSlice {
  const { namespace } = subject.metadata;
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...metadataOf(subject),
      ownerReferences: [controllerReference(subject, endpoints)],
    },
    addressType,
    ports: [...ports],
    endpoints: [...list],
  };
}

function warnings({ skipped, invalid }: Mirrored): Action[] {
  const warn = (reason: string, message: string): Action =>
    act.event(endpoints, { reason, message, kind: 'Warning', once: message }, { code: reason, text: message });
  return [
    ...(invalid === 0
      ? []
      : [warn('InvalidIPAddress', `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`)]),
    ...(skipped === 0
      ? []
      : [
          warn(
            'TooManyAddressesToMirror',
            `A max of ${subsetLimit} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`,
          ),
        ]),
  ];
}

function plan(subject: Endpoints, seen: Observed): Action[] {
  const isUsable = (slice: EndpointSlice): boolean =>
    slice.metadata.deletionTimestamp === undefined && controllerOf(slice)?.uid === subject.metadata.uid;
  const usable = seen.slices.filter(isUsable);
  const stale = seen.slices.filter((slice) => !isUsable(slice) && slice.metadata.deletionTimestamp === undefined);
  const result = mirrored(subject);
  const { create, update, keep, remove } = packSlices(result.groups, [], usable, endpointsPerSlice);
  const { name = '', uid = '' } = subject.metadata;
  const names = sliceNames(name, uid, seen.isTaken);
  const cause = causes.changed;
  return [
    ...create.map((content) =>
      act.create(endpointSlices, newSlice(subject, names.next().value, content), { cause, event }),
    ),
    ...update.map(({ slice, content }) => {
      const next = { ...withMetadata(slice, subject), ports: [...content.ports], endpoints: [...content.endpoints] };
      return act.update(endpointSlices, slice, next, { cause, event });
    }),
    ...keep.flatMap((slice) => {
      const next = withMetadata(slice, subject);
      return jsonEqual(slice.metadata, next.metadata)
        ? []
        : [act.update(endpointSlices, slice, next, { cause, event })];
    }),
    ...[...remove, ...stale].map((slice) => act.delete(endpointSlices, slice, { cause: causes.surplus })),
    ...warnings(result),
  ];
}

export function reconcile(seen: Observed): Reconciliation {
  const { subject, service, slices } = seen;
  if (subject !== undefined && isMirrored(subject, service)) return { actions: plan(subject, seen) };
  const left = slices.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return { actions: left.map((slice) => act.delete(endpointSlices, slice, { cause: causes.notMirrored })) };
}

export function explain({ subject, service }: Observed): readonly Cause[] {
  if (subject === undefined) return [];
  const component = 'controller-endpointslicemirroring';
  const { name, labels } = subject.metadata;
  if (labels?.[skipLabel] === 'true') {
    return [{ component, code: 'skip-mirror', text: `the label ${skipLabel} keeps traffic from these addresses` }];
  }
  if (service === undefined) {
    return [{ component, code: 'no-service', text: `there is no service ${name}: no traffic goes to these addresses` }];
  }
  if (!isMirrored(subject, service)) return [];
  const { skipped, invalid } = mirrored(subject);
  return [
    ...(invalid === 0
      ? []
      : [{ component, code: 'invalid-addresses', text: `${invalid} addresses are no IP addresses` }]),
    ...(skipped === 0
      ? []
      : [{ component, code: 'too-many-addresses', text: `${skipped} addresses above ${subsetLimit} get no traffic` }]),
  ];
}

/** What the EndpointSlices of a service need: a pure function from what was observed to the actions to take. */
import {
  act,
  jsonEqual,
  type Action,
  type ActionCause,
  type Observation,
  type Reconciliation,
} from '@timonel/sdk/controller';
import {
  changedPods,
  familiesOf,
  headlessLabel,
  isHeadless,
  packSlices,
  selectsPods,
  serviceNameLabel,
  sliceManagedByLabel,
  sliceNames,
  triggerTime,
  triggerTimeAnnotation,
  type SliceContent,
} from '@timonel/sdk/controller/endpoints';
import {
  controllerOf,
  controllerReference,
  endpointSlices,
  services,
  type EndpointSlice,
  type ObjectMeta,
  type Pod,
  type Service,
} from '@timonel/sdk/kube';
import { byFamilyAndPorts, podEndpoints } from './endpoints.ts';
import { hintsMode, withHints, type Hinted } from './hints.ts';
import type { NodeFacts } from './nodes.ts';

export const sliceManager = 'endpointslice-controller.k8s.io';
export const endpointsPerSlice = 100;

export interface Observed extends Observation<Service> {
  /** Those that the service selects. */
  readonly pods: readonly Pod[];
  /** The slices of that service name which this controller manages. */
  readonly slices: readonly EndpointSlice[];
  readonly node: (name: string) => NodeFacts | undefined;
  readonly nodes: () => readonly NodeFacts[];
  /** Whether a slice of the namespace has this name. */
  readonly isTaken: (name: string) => boolean;
  /** Endpoints in slices that others manage. */
  readonly foreignEndpoints: number;
}

const causes = {
  changed: { code: 'EndpointsChanged', text: 'the pods behind the service, or its ports, are others now' },
  surplus: { code: 'SurplusSlice', text: 'its endpoints are in other slices, or gone' },
  noSelector: { code: 'NoSelector', text: 'the service selects no pods: its endpoints are made by hand' },
  gone: { code: 'ServiceGone', text: 'the service is gone' },
} as const satisfies Record<string, ActionCause>;

/** When the API refuses, a person can help: a quota, a namespace that ends. */
const event = {
  reason: 'UpdatedEndpointSlices',
  message: '',
  onlyFailure: true,
  failure: { reason: 'FailedToUpdateEndpointSlices', message: 'Error updating Endpoint Slices: ' },
} as const;

/** The service's labels, and the three that are the controller's own. */
function labelsOf(service: Service): Record<string, string> {
  const { [headlessLabel]: _, ...labels } = service.metadata.labels ?? {};
  return {
    ...labels,
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
    [serviceNameLabel]: service.metadata.name ?? '',
    [sliceManagedByLabel]: sliceManager,
  };
}

function withTrigger(metadata: ObjectMeta, trigger: string | undefined): ObjectMeta {
  const { annotations = {}, ...rest } = metadata;
  const { [triggerTimeAnnotation]: _, ...others } = annotations;
  const all = trigger === undefined ? others : { ...others, [triggerTimeAnnotation]: trigger };
  return Object.keys(all).length === 0 ? rest : { ...rest, annotations: all };
}

function isLeaving({ metadata }: EndpointSlice): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function removeAll(slices: readonly EndpointSlice[], cause: ActionCause): Action[] {
  return slices.filter((slice) => !isLeaving(slice)).map((slice) => act.delete(endpointSlices, slice, { cause }));
}

function hadHints(slices: readonly EndpointSlice[], family: string): boolean {
  const own = slices.filter(({ addressType }) => addressType === family);
  return own.some(({ endpoints }) => (endpoints ?? []).some(({ hints }) => hints?.forZones !== undefined));
}

/** Told when slices are written because of it, or with it. */
function hintEvents(service: Service, { endpoints, refusals }: Hinted, slices: readonly EndpointSlice[]): Action[] {
  if (hintsMode(service) !== 'auto') return [];
  return familiesOf(service).flatMap((family): Action[] => {
    const refusal = refusals.get(family);
    const had = hadHints(slices, family);
    if (refusal !== undefined) {
      const message = `${refusal}, addressType: ${family}`;
      return [
        act.event(
          services,
          { reason: 'TopologyAwareHintsDisabled', message, kind: 'Warning' },
          { code: 'NoHints', text: message },
        ),
      ];
    }
    if (had || !endpoints.some((one) => one.family === family)) return [];
    const message = `Topology Aware Hints has been enabled, addressType: ${family}`;
    return [act.event(services, { reason: 'TopologyAwareHintsEnabled', message }, { code: 'Hints', text: message })];
  });
}

interface Writer {
  create(content: SliceContent): Action;
  update(slice: EndpointSlice, content: SliceContent): Action;
  /** What the service says beside its endpoints. */
  relabel(slice: EndpointSlice): Action[];
}

function writer(service: Service, trigger: string | undefined, isTaken: (name: string) => boolean): Writer {
  const labels = labelsOf(service);
  const { name = '', namespace, uid = '' } = service.metadata;
  const names = sliceNames(name, uid, isTaken);
  const cause = causes.changed;
  return {
    create({ addressType, ports, endpoints }) {
      const metadata: ObjectMeta = {
        name: names.next().value,
        ...(namespace === undefined ? {} : { namespace }),
        labels,
        ownerReferences: [controllerReference(service, services)],
      };
      const slice = { addressType, ports: [...ports], endpoints: [...endpoints] };
      return act.create(endpointSlices, { metadata: withTrigger(metadata, trigger), ...slice }, { cause, event });
    },
    update(slice, { ports, endpoints }) {
      const metadata = withTrigger({ ...slice.metadata, labels }, trigger);
      const next = { ...slice, metadata, ports: [...ports], endpoints: [...endpoints] };
      return act.update(endpointSlices, slice, next, { cause, event });
    },
    relabel(slice) {
      if (jsonEqual(slice.metadata.labels, labels)) return [];
      const next = { ...slice, metadata: { ...slice.metadata, labels } };
      return [act.update(endpointSlices, slice, next, { cause, event })];
    },
  };
}

/** The slices that may be written for this service; the others are left over from another one, or for other families. */
function usableSlices({ slices }: Observed, service: Service): EndpointSlice[] {
  const families = familiesOf(service);
  return slices.filter(
    (slice) =>
      !isLeaving(slice) && controllerOf(slice)?.uid === service.metadata.uid && families.includes(slice.addressType),
  );
}

function plan(service: Service, seen: Observed): Action[] {
  const families = familiesOf(service);
  const usable = usableSlices(seen, service);
  const pods = [...seen.pods].sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  const hinted = withHints(service, podEndpoints(service, pods, families, seen.node), usable, seen.nodes);
  const groups = byFamilyAndPorts(hinted.endpoints).map((group) => ({
    family: group[0]?.family ?? '',
    ports: group[0]?.ports ?? [],
    endpoints: group.map(({ endpoint }) => endpoint),
  }));
  const { create, update, keep, remove } = packSlices(groups, families, usable, endpointsPerSlice);
  const isWritten = create.length > 0 || update.length > 0;
  const changed = isWritten ? changedPods(hinted.endpoints, usable) : [];
  const isNew = usable.length === 0;
  const trigger = isNew || changed.length > 0 ? triggerTime(changed, isNew ? service : undefined) : undefined;
  const write = writer(service, trigger, seen.isTaken);
  const isDeleted = service.metadata.deletionTimestamp !== undefined;
  const stale = seen.slices.filter((slice) => !usable.includes(slice));
  const writes = [
    // The garbage collection is about to remove what there is: nothing is added.
    ...(isDeleted ? [] : create.map((content) => write.create(content))),
    ...update.map(({ slice, content }) => write.update(slice, content)),
    ...keep.flatMap((slice) => write.relabel(slice)),
  ];
  return [
    ...writes,
    ...removeAll([...remove, ...stale], causes.surplus),
    ...(writes.length > 0 ? hintEvents(service, hinted, usable) : []),
  ];
}

export function reconcile(seen: Observed): Reconciliation {
  const { subject: service, slices } = seen;
  if (service === undefined) return { actions: removeAll(slices, causes.gone) };
  if (!selectsPods(service)) return { actions: removeAll(slices, causes.noSelector) };
  return { actions: plan(service, seen) };
}

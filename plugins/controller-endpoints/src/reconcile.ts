/** What the Endpoints object of a service needs: a pure function from what was observed to the actions to take. */
import {
  act,
  jsonEqual,
  type Action,
  type ActionCause,
  type Observation,
  type Reconciliation,
} from '@timonel/sdk/controller';
import {
  headlessLabel,
  isHeadless,
  selectsPods,
  triggerTimeAnnotation,
  triggerTime,
} from '@timonel/sdk/controller/endpoints';
import type { Cause } from '@timonel/sdk/contracts/why';
import { endpoints, type Endpoints, type Pod, type Service } from '@timonel/sdk/kube';
import { podAddresses, subsetsOf, within, type PodAddress } from './subsets.ts';

export const managedByLabel = 'endpoints.kubernetes.io/managed-by';
export const manager = 'endpoint-controller';
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
/** Where leaders are elected by means of Endpoints, they are no endpoints of a service. */
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
/** Each write of a large object costs all who watch: changes that come soon after one another are one. */
export const largeFrom = 200;
export const pauseMs = 1_000;
/** Clients that need more read EndpointSlices. */
export const addressLimit = 1000;

export interface Observed extends Observation<Service> {
  /** Those that the service selects. */
  readonly pods: readonly Pod[];
  /** The object of the service's name. */
  readonly endpoints: Endpoints | undefined;
  /** When this process wrote it last, ms since the epoch. */
  readonly writtenMs?: number | undefined;
}

const cause: ActionCause = {
  code: 'EndpointsChanged',
  text: 'the pods behind the service, or its ports, are others now',
};
const gone: ActionCause = { code: 'ServiceGone', text: 'the service is gone' };

const told = (reason: string, verb: string) =>
  ({
    reason,
    message: '',
    onlyFailure: true,
    failure: { reason, message: `Failed to ${verb} endpoint: ` },
  }) as const;

export function isOwn({ metadata }: Endpoints): boolean {
  return metadata.labels?.[managedByLabel] === manager && metadata.annotations?.[leaderAnnotation] === undefined;
}

function labelsOf(service: Service): Record<string, string> {
  const { [headlessLabel]: _, ...labels } = service.metadata.labels ?? {};
  return { ...labels, ...(isHeadless(service) ? { [headlessLabel]: '' } : {}), [managedByLabel]: manager };
}

function addressesIn(object: Endpoints | undefined): Map<string, boolean> {
  const known = new Map<string, boolean>();
  for (const { addresses, notReadyAddresses } of object?.subsets ?? []) {
    for (const { ip } of addresses ?? []) known.set(ip, true);
    for (const { ip } of notReadyAddresses ?? []) known.set(ip, false);
  }
  return known;
}

function triggerOf(
  service: Service,
  addresses: readonly PodAddress[],
  existing: Endpoints | undefined,
): string | undefined {
  const known = addressesIn(existing);
  const changed = addresses.filter(({ address, isReady }) => known.get(address.ip) !== isReady).map(({ pod }) => pod);
  if (existing !== undefined && changed.length === 0) return undefined;
  return triggerTime(changed, existing === undefined ? service : undefined);
}

function plan(service: Service, seen: Observed): Action[] {
  const existing = seen.endpoints;
  const all = podAddresses(service, seen.pods);
  const addresses = within(all, addressLimit);
  const subsets = subsetsOf(addresses);
  const labels = labelsOf(service);
  const {
    [overCapacityAnnotation]: capacity,
    [triggerTimeAnnotation]: _,
    ...others
  } = existing?.metadata.annotations ?? {};
  const wanted = all.length > addressLimit ? 'truncated' : undefined;
  const same =
    jsonEqual(existing?.subsets ?? [], subsets) && jsonEqual(existing?.metadata.labels, labels) && capacity === wanted;
  if (existing !== undefined && same) return [];
  const trigger = triggerOf(service, addresses, existing);
  const annotations = {
    ...others,
    ...(wanted === undefined ? {} : { [overCapacityAnnotation]: wanted }),
    ...(trigger === undefined ? {} : { [triggerTimeAnnotation]: trigger }),
  };
  const { name, namespace } = service.metadata;
  const { annotations: __, ...metadata } = existing?.metadata ?? {};
  const next: Endpoints = {
    metadata: {
      ...metadata,
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    ...(subsets.length === 0 ? {} : { subsets }),
  };
  return existing === undefined
    ? [act.create(endpoints, next, { cause, event: told('FailedToCreateEndpoint', 'create') })]
    : [act.update(endpoints, existing, next, { cause, event: told('FailedToUpdateEndpoint', 'update') })];
}

function waitOf({ endpoints: existing, nowMs, writtenMs }: Observed): number {
  if (writtenMs === undefined || addressesIn(existing).size < largeFrom) return 0;
  const sinceMs = nowMs - writtenMs;
  // The clock may jump.
  return sinceMs < 0 ? 0 : Math.max(0, pauseMs - sinceMs);
}

/** Endpoints of a service without selector are made by hand; those of leaders are none of a service. */
export function reconcile(seen: Observed): Reconciliation {
  const { subject: service, endpoints: existing } = seen;
  const isLeaving = existing?.metadata.deletionTimestamp !== undefined;
  if (isLeaving || existing?.metadata.annotations?.[leaderAnnotation] !== undefined) return { actions: [] };
  if (service === undefined) {
    const leftOver = existing !== undefined && isOwn(existing);
    return { actions: leftOver ? [act.delete(endpoints, existing, { cause: gone })] : [] };
  }
  if (!selectsPods(service)) return { actions: [] };
  const waitMs = waitOf(seen);
  if (waitMs > 0) return { actions: [], requeueAfterMs: waitMs };
  const isDeleted = service.metadata.deletionTimestamp !== undefined;
  return { actions: plan(service, seen).filter((action) => !isDeleted || action.do !== 'create') };
}

export function explain({ subject, pods }: Observed): readonly Cause[] {
  if (subject === undefined || !selectsPods(subject)) return [];
  const { length } = podAddresses(subject, pods);
  if (length <= addressLimit) return [];
  const text = `Endpoints show ${addressLimit} of ${length} addresses: clients that read EndpointSlices see all`;
  return [{ component: 'controller-endpoints', code: 'over-capacity', text }];
}

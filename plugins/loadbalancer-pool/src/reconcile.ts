/** What a LoadBalancer service needs of the pools: pure functions from what was observed to the actions and the status. */
import {
  act,
  findCondition,
  removeCondition,
  setCondition,
  type Action,
  type ActionEvent,
  type Observation,
  type Outcome,
  type Reconciliation,
  type StatusPlan,
} from '@timonel/sdk/controller';
import { addressCondition, cleanupFinalizer, poolAnnotation } from '@timonel/sdk/contracts/loadbalancer';
import { familyOf } from '@timonel/sdk/contracts/network';
import type { Cause } from '@timonel/sdk/contracts/why';
import { services, type Service } from '@timonel/sdk/kube';
import { canonical, choose, familiesOf, wishOf, type Choice, type Given, type Market, type Refusal } from './choice.ts';

export interface Observed extends Observation<Service>, Market {
  /** Services without a class are served, too. */
  readonly isDefault: boolean;
  readonly className: string;
}

type Status = NonNullable<Service['status']>;

/** Whether load balancers of its class are from here. */
function isServed({ spec }: Service, { isDefault, className }: Observed): boolean {
  return spec.loadBalancerClass ? spec.loadBalancerClass === className : isDefault;
}

/** Whether the service wants an address from here. */
export function isWanted(service: Service, seen: Observed): boolean {
  const { metadata, spec } = service;
  return spec.type === 'LoadBalancer' && metadata.deletionTimestamp === undefined && isServed(service, seen);
}

const ingressOf = ({ status }: Service): NonNullable<NonNullable<Status['loadBalancer']>['ingress']> =>
  status?.loadBalancer?.ingress ?? [];

/** Whether its address is from here. A client that replaces the service takes the annotation off, not the address. */
export function isOurs(service: Service, seen: Observed): boolean {
  const { annotations, finalizers } = service.metadata;
  if (annotations?.[poolAnnotation] !== undefined) return true;
  if (!isServed(service, seen)) return false;
  const ingress = ingressOf(service);
  if (ingress.length === 0) return finalizers?.includes(cleanupFinalizer) === true;
  return ingress.some(({ ip }) => seen.pools.some((pool) => pool.includes(ip ?? '')));
}

function currentAddresses(service: Service, seen: Observed): readonly string[] {
  return isOurs(service, seen) ? ingressOf(service).flatMap(({ ip }) => (ip ? [canonical(ip)] : [])) : [];
}

/** Undefined: nothing is to be chosen. Somebody else serves it where it has an address that is not from here. */
export function choiceFor(service: Service, seen: Observed): Choice | undefined {
  if (!isWanted(service, seen) || (!isOurs(service, seen) && ingressOf(service).length > 0)) return undefined;
  return choose(service, currentAddresses(service, seen), seen);
}

function claim(service: Service, given: readonly Given[]): Action[] {
  const pool = [...new Set(given.map((each) => each.pool))].join(',');
  const { finalizers = [], annotations = {} } = service.metadata;
  if (annotations[poolAnnotation] === pool && finalizers.includes(cleanupFinalizer)) return [];
  const metadata = {
    annotations: { [poolAnnotation]: pool },
    finalizers: finalizers.includes(cleanupFinalizer) ? finalizers : [...finalizers, cleanupFinalizer],
  };
  const cause = { code: 'AddressChosen', text: `an address of the pool ${pool} is free` };
  return [act.patch(services, service, { type: 'merge', body: { metadata } }, { cause })];
}

function disclaim(service: Service): Action {
  const { annotations = {}, finalizers = [] } = service.metadata;
  const left = finalizers.filter((name) => name !== cleanupFinalizer);
  const others = Object.keys(annotations).some((key) => key !== poolAnnotation);
  const metadata = {
    annotations: others ? { [poolAnnotation]: null } : null,
    finalizers: left.length === 0 ? null : left,
  };
  const body = { metadata };
  const text = 'the service wants no address of a pool any more';
  const event = { reason: 'DeletedLoadBalancer', message: 'Deleted load balancer' };
  return act.patch(services, service, { type: 'merge', body }, { cause: { code: 'AddressReleased', text }, event });
}

export function reconcile(seen: Observed): Reconciliation {
  const { subject: service } = seen;
  if (service === undefined) return { actions: [] };
  const choice = choiceFor(service, seen);
  if (choice !== undefined) return { actions: choice.given.length === 0 ? [] : claim(service, choice.given) };
  const isLeaving = service.metadata.deletionTimestamp !== undefined;
  // Its address goes first, unless the whole service does.
  const isFree = isLeaving || ingressOf(service).length === 0;
  return { actions: isOurs(service, seen) && !isWanted(service, seen) && isFree ? [disclaim(service)] : [] };
}

/** Without its condition, or with that which tells of the refusal. */
function withCondition(service: Service, refusal: Refusal | undefined, timestamp: string): Status {
  const { conditions, ...rest } = service.status ?? {};
  const type = addressCondition;
  const next =
    refusal === undefined
      ? removeCondition(conditions, type)
      : setCondition(conditions, { type, status: 'False', ...refusal }, timestamp);
  return { ...rest, ...(next.length === 0 ? {} : { conditions: next }) };
}

/** Addresses that were given, and a refusal that was not told yet. */
function eventsOf(service: Service, { given, refusal }: Choice, seen: Observed): ActionEvent[] {
  const events: ActionEvent[] = [];
  const current = currentAddresses(service, seen);
  const fresh = given.map(({ address }) => address).filter((address) => !current.includes(address));
  if (fresh.length > 0) {
    const message = `Ensured load balancer with the address ${fresh.join(' and the address ')}`;
    events.push({ reason: 'EnsuredLoadBalancer', message });
  }
  const before = findCondition(service.status?.conditions, addressCondition);
  const isTold = before?.reason === refusal?.reason && before?.message === refusal?.message;
  if (refusal !== undefined && !isTold) {
    const message = `Error syncing load balancer: ${refusal.message}`;
    events.push({ reason: 'SyncLoadBalancerFailed', message, kind: 'Warning' });
  }
  return events;
}

export function status(seen: Observed, { failure }: Outcome): StatusPlan<Service> | undefined {
  const { subject: service, timestamp } = seen;
  if (service === undefined || failure !== undefined || service.metadata.deletionTimestamp !== undefined)
    return undefined;
  const choice = choiceFor(service, seen);
  if (choice === undefined) {
    const isReleased = isOurs(service, seen) && !isWanted(service, seen);
    const isTold = findCondition(service.status?.conditions, addressCondition) !== undefined;
    if (!isReleased && !isTold) return undefined;
    const quiet = withCondition(service, undefined, timestamp);
    return { status: isReleased ? { ...quiet, loadBalancer: {} } : quiet };
  }
  const { given, refusal } = choice;
  const ingress = given.map(({ address }) => ({ ip: address, ipMode: 'VIP' }));
  const loadBalancer = ingress.length === 0 ? {} : { ingress };
  return {
    status: { ...withCondition(service, refusal, timestamp), loadBalancer },
    events: eventsOf(service, choice, seen),
  };
}

const unblocking: Readonly<Record<Refusal['reason'], string>> = {
  NoPool: 'configure pools of loadbalancer-pool, or install another load balancer',
  PoolExhausted: 'add addresses to a pool, or delete a LoadBalancer service',
  AddressNotInPool: 'wish another address, or add it to a pool',
  AddressTaken: 'wish another address',
  AddressInvalid: 'wish one address of a family of the service, or one of each with a comma between',
};

function lackOf(service: Service, seen: Observed): string {
  const current = currentAddresses(service, seen);
  if (current.length === 0) return 'it has no address';
  const missing = familiesOf(service).find((family) => !current.some((address) => familyOf(address) === family));
  return missing === undefined || wishOf(service) !== undefined
    ? 'it has not the address that it wishes'
    : `it has no IPv${missing} address`;
}

export function explain(seen: Observed): readonly Cause[] {
  const { subject: service } = seen;
  if (service?.spec.type !== 'LoadBalancer') return [];
  const component = 'loadbalancer-pool';
  const { loadBalancerClass } = service.spec;
  if (!isWanted(service, seen)) {
    if (ingressOf(service).length > 0 || service.metadata.deletionTimestamp !== undefined) return [];
    const text =
      loadBalancerClass === undefined
        ? 'services without a loadBalancerClass get no address from the pools here'
        : `the load balancer of the class ${loadBalancerClass} has given no address`;
    return [{ component, code: 'other-class', text, unblock: `spec.loadBalancerClass: ${seen.className}` }];
  }
  const refusal = choiceFor(service, seen)?.refusal;
  if (refusal === undefined) return [];
  const { reason, message } = refusal;
  const has = lackOf(service, seen);
  return [{ component, code: reason, text: `${has}: ${message}`, unblock: unblocking[reason] }];
}

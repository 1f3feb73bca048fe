/** Services and pools as the tests of the rules know them, and passes over them as the frame does them. */
import { expect } from '@jest/globals';
import { cleanupFinalizer, poolAnnotation } from '@timonel/sdk/contracts/loadbalancer';
import { services, type Service } from '@timonel/sdk/kube';
import { applyActions } from '@timonel/testkit';
import type { Holder } from '../choice.ts';
import { poolOf, type Pool } from '../pools.ts';
import { reconcile, status, type Observed } from '../reconcile.ts';

export const main: Pool = poolOf({ name: 'main', addresses: ['192.0.2.1-192.0.2.3'], autoAssign: true });
export const reserve: Pool = poolOf({ name: 'reserve', addresses: ['198.51.100.0/30'], autoAssign: false });
const noOutcome = { answers: new Map(), existing: [] };

export interface Input {
  readonly name?: string;
  readonly created?: string;
  readonly spec?: Partial<Service['spec']>;
  readonly metadata?: Partial<Service['metadata']>;
  readonly ingress?: string | readonly string[];
}

/** `ingress`: an address that it has from the pool `main`. */
export function aService({
  name = 'web',
  created = '2026-01-01T00:00:00Z',
  spec,
  metadata,
  ingress,
}: Input = {}): Service {
  const ours =
    ingress === undefined ? {} : { annotations: { [poolAnnotation]: 'main' }, finalizers: [cleanupFinalizer] };
  const loadBalancer = ingress === undefined ? {} : { ingress: [ingress].flat().map((ip) => ({ ip, ipMode: 'VIP' })) };
  return {
    metadata: { name, namespace: 'default', uid: `uid-${name}`, creationTimestamp: created, ...ours, ...metadata },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
    status: { loadBalancer },
  };
}

export function holder({ metadata }: Service): Holder {
  const { name = '', uid = '', creationTimestamp = '' } = metadata;
  return { key: `default/${name}`, uid, creationTimestamp };
}

/** In the order in which they stand. */
export function addressesOf({ status: state }: Service): readonly string[] {
  return (state?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
}

export function addressOf(service: Service): string | undefined {
  return addressesOf(service)[0];
}

export function observed(
  subject: Service,
  others: readonly Service[] = [],
  pools: readonly Pool[] = [main, reserve],
): Observed {
  return {
    subject,
    nowMs: 0,
    timestamp: '2026-01-01T00:00:00Z',
    pools,
    isDefault: true,
    className: 'timonel.dev/pool',
    othersWith: (address) => others.filter((other) => addressesOf(other).includes(address)).map(holder),
  };
}

export interface Passed {
  readonly service: Service | undefined;
  readonly events: readonly string[];
  readonly writes: number;
}

/** One pass, as the frame does it. A service that is being deleted goes with its last finalizer. */
export function pass(seen: Observed): Passed {
  const before = seen.subject as Service;
  const { actions } = reconcile(seen);
  const [after = before] = applyActions(services, [before], actions);
  const plan = status({ ...seen, subject: after }, noOutcome);
  const events = [...actions.flatMap(({ event }) => event ?? []), ...(plan?.events ?? [])];
  const isGone = after.metadata.deletionTimestamp !== undefined && after.metadata.finalizers === undefined;
  const changesStatus = plan !== undefined && JSON.stringify(plan.status) !== JSON.stringify(after.status);
  return {
    service: isGone ? undefined : { ...after, ...(plan === undefined ? {} : { status: plan.status }) },
    events: events.map(({ reason, message }) => `${reason}: ${String(message)}`),
    writes: actions.length + (changesStatus ? 1 : 0),
  };
}

export function settled(seen: Observed): Service {
  const { service } = pass(seen);
  expect(pass({ ...seen, subject: service }).writes).toBe(0);
  return service as Service;
}

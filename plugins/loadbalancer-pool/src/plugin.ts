import type { AnyPlugin } from '@timonel/sdk';
import { poolClass } from '@timonel/sdk/contracts/loadbalancer';
import { familyOf } from '@timonel/sdk/contracts/network';
import { defineController, keysFrom } from '@timonel/sdk/controller';
import { objectKey, services, type Service } from '@timonel/sdk/kube';
import { z } from 'zod';
import { canonical, familiesOf, type Holder } from './choice.ts';
import { overlapOf, parseRange, poolOf, type Pool } from './pools.ts';
import { choiceFor, explain, reconcile, status, type Observed } from './reconcile.ts';

const range = z
  .string()
  .refine(
    (text) => parseRange(text) !== undefined,
    'must be such as 192.0.2.10-192.0.2.20, 192.0.2.0/28, 192.0.2.7, fd00:1::10-fd00:1::20 or fd00:1::100/120, of addresses that a machine can have',
  );

const config = z.strictObject({
  /** Where addresses come from. Without any, LoadBalancer services get none, and an event says so. */
  pools: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(63),
        /** Ranges and CIDRs of either family, such as `192.0.2.10-192.0.2.20` or `fd00:1::100/120`; none may stand twice. */
        addresses: z.array(range).min(1),
        /** False: its addresses are given only to services that wish them. */
        autoAssign: z.boolean().default(true),
      }),
    )
    .superRefine((pools, issues) => {
      const overlap = overlapOf(pools);
      if (overlap === undefined) return;
      issues.addIssue({
        code: 'custom',
        message: `${overlap.join(' and ')} have addresses in common: each may stand once`,
      });
    })
    .default([]),
  /** Serve also services without a `spec.loadBalancerClass`. */
  default: z.boolean().default(true),
  /** The class of services that are served. */
  class: z.string().default(poolClass),
});

/** All addresses of load balancers, also those that others gave. */
function addressesOf({ status: { loadBalancer } = {} }: Service): readonly string[] {
  return (loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [canonical(ip)] : []));
}

/** The families of which the service may get an address that it has not. */
function waitingFor(service: Service, pools: readonly Pool[]): readonly string[] {
  if (service.spec.type !== 'LoadBalancer') return [];
  const addresses = addressesOf(service);
  return familiesOf(service)
    .filter((family) => pools.some((pool) => pool.size(family) > 0n))
    .filter((family) => !addresses.some((address) => familyOf(address) === family))
    .map(String);
}

function holderOf(service: Service): Holder {
  const { uid = '', creationTimestamp = '' } = service.metadata;
  return { uid, key: objectKey(service), creationTimestamp };
}

const plugin: AnyPlugin = defineController({
  name: 'loadbalancer-pool',
  version: '0.1.0',
  description: 'Gives Services of type LoadBalancer their addresses, from configured pools.',
  component: 'service-controller',
  subject: services,
  config,
  // One at a time, so that each choice is known to the next.
  workers: 1,
  confirm: ({ subject }) => subject?.metadata.deletionTimestamp === undefined,

  inputs({ informers, config: { pools: configured, ...rest } }) {
    const pools = configured.map(poolOf);
    return {
      services: informers.for(services, {
        indexes: { address: addressesOf, waiting: (service) => waitingFor(service, pools) },
      }),
      /** Chosen, but not in the cache yet: by address. */
      chosen: new Map<string, Holder>(),
      pools,
      ...rest,
    };
  },

  sources: ({ services: all }) => [
    keysFrom(all, (service) => {
      const addresses = addressesOf(service);
      // Who waits for an address looks again when one may be free; who shares one, when it may have to give way.
      const others = addresses.flatMap((address) => all.byIndex('address', address));
      const families = new Set(addresses.map((address) => String(familyOf(address))));
      const waiting = [...families].flatMap((family) => all.byIndex('waiting', family));
      return [objectKey(service), ...others.map(objectKey), ...waiting.map(objectKey)];
    }),
  ],

  observe(key, { services: all, chosen, pools, default: isDefault, class: className }, now): Observed {
    const subject = all.get(key);
    const { uid } = subject?.metadata ?? {};
    return {
      ...now,
      subject,
      pools,
      isDefault,
      className,
      othersWith(address) {
        const holders = all.byIndex('address', address).map(holderOf);
        const next = chosen.get(address);
        if (next !== undefined && all.get(next.key)?.metadata.uid === next.uid) holders.push(next);
        return holders.filter((holder) => holder.uid !== uid);
      },
    };
  },
  reconcile,

  remember(seen, _, { services: all, chosen }) {
    const { subject } = seen;
    for (const [address, { key, uid }] of chosen) {
      const service = all.get(key);
      const isOver = service?.metadata.uid !== uid || addressesOf(service).includes(address);
      if (isOver || uid === subject?.metadata.uid) chosen.delete(address);
    }
    const choice = subject === undefined ? undefined : choiceFor(subject, seen);
    if (subject === undefined || choice === undefined) return;
    const has = addressesOf(subject);
    for (const { address } of choice.given) if (!has.includes(address)) chosen.set(address, holderOf(subject));
  },
  status,
  explain,
});

export default plugin;

/** Which address a service gets, or why none. Pure. */
import { addressAnnotation } from '@timonel/sdk/contracts/loadbalancer';
import { parseIpv4 } from '@timonel/sdk/contracts/network';
import type { Service } from '@timonel/sdk/kube';
import type { Pool } from './pools.ts';

/** Somebody who has an address. */
export interface Holder {
  readonly uid: string;
  /** `namespace/name`. */
  readonly key: string;
  readonly creationTimestamp: string;
}

/** An address, and why it is not the one that was wished; or why there is none. */
export type Choice =
  | { readonly address: string; readonly pool: string; readonly refusal?: Refusal }
  | { readonly address?: undefined; readonly refusal: Refusal };

export interface Refusal {
  readonly reason: 'NoPool' | 'PoolExhausted' | 'AddressNotInPool' | 'AddressTaken' | 'AddressInvalid';
  readonly message: string;
}

export interface Market {
  readonly pools: readonly Pool[];
  /** Other services that have the address, or are about to. */
  readonly othersWith: (address: string) => readonly Holder[];
}

export function wishOf({ metadata, spec }: Service): string | undefined {
  return metadata.annotations?.[addressAnnotation] || spec.loadBalancerIP || undefined;
}

/** Of two services with one address, as after a restore, the older one keeps it. */
function isElder({ metadata }: Service, other: Holder): boolean {
  const [own, theirs] = [metadata.creationTimestamp ?? '', other.creationTimestamp];
  return own === theirs ? (metadata.uid ?? '') < other.uid : own < theirs;
}

function poolWith({ pools }: Market, address: string): Pool | undefined {
  return pools.find((pool) => pool.includes(address));
}

/** Why the wish cannot be met; otherwise the pool. */
function grant(service: Service, wish: string, current: string | undefined, market: Market): Pool | Refusal {
  if (parseIpv4(wish) === undefined)
    return { reason: 'AddressInvalid', message: `${JSON.stringify(wish)} is not an IPv4 address` };
  const pool = poolWith(market, wish);
  if (pool === undefined) return { reason: 'AddressNotInPool', message: `no pool has the address ${wish}` };
  const others = market.othersWith(wish);
  const [other] = others;
  const mayKeep = current === wish && others.every((each) => isElder(service, each));
  if (other === undefined || mayKeep) return pool;
  return { reason: 'AddressTaken', message: `the address ${wish} is that of the service ${other.key}` };
}

/** What the service has and may keep. */
function kept(service: Service, current: string | undefined, market: Market): Choice | undefined {
  if (current === undefined) return undefined;
  const pool = poolWith(market, current);
  const mayKeep = market.othersWith(current).every((other) => isElder(service, other));
  return pool === undefined || !mayKeep ? undefined : { address: current, pool: pool.name };
}

function anyFree(market: Market): Choice {
  const automatic = market.pools.filter(({ autoAssign }) => autoAssign);
  for (const pool of automatic) {
    const address = pool.firstFree((each) => market.othersWith(each).length > 0);
    if (address !== undefined) return { address, pool: pool.name };
  }
  const names = automatic.map(({ name, size }) => `${name} (${size} addresses)`).join(', ');
  const message =
    names === ''
      ? 'no pool gives addresses to services that do not wish one'
      : `all addresses are given away: ${names}`;
  return { refusal: { reason: 'PoolExhausted', message } };
}

/** `current`: what the service has of a pool. It stays with it until a wish can be met. */
export function choose(service: Service, current: string | undefined, market: Market): Choice {
  if (market.pools.length === 0) {
    const message = 'no pool of addresses is configured: see the configuration of loadbalancer-pool';
    return { refusal: { reason: 'NoPool', message } };
  }
  const wish = wishOf(service);
  if (wish === undefined) return kept(service, current, market) ?? anyFree(market);
  const granted = grant(service, wish, current, market);
  if ('name' in granted) return { address: wish, pool: granted.name };
  return { ...(current === wish ? undefined : kept(service, current, market)), refusal: granted };
}

/** Which addresses a service gets, or why none. Pure. */
import { addressAnnotation } from '@timonel/sdk/contracts/loadbalancer';
import { familyOf, formatIp, parseIp, type IpFamily } from '@timonel/sdk/contracts/network';
import type { Service } from '@timonel/sdk/kube';
import type { Pool } from './pools.ts';

/** Somebody who has an address. */
export interface Holder {
  readonly uid: string;
  /** `namespace/name`. */
  readonly key: string;
  readonly creationTimestamp: string;
}

export interface Given {
  readonly address: string;
  readonly pool: string;
}

/** The addresses in the order of the service's families, and why there are no others. */
export interface Choice {
  readonly given: readonly Given[];
  readonly refusal?: Refusal;
}

export interface Refusal {
  readonly reason: 'NoPool' | 'PoolExhausted' | 'AddressNotInPool' | 'AddressTaken' | 'AddressInvalid';
  readonly message: string;
}

export interface Market {
  readonly pools: readonly Pool[];
  /** Other services that have the address, or are about to. */
  readonly othersWith: (address: string) => readonly Holder[];
}

/** What there is for one family. */
interface FamilyChoice {
  readonly given?: Given | undefined;
  readonly refusal?: Refusal;
}

/** Of each family at most one. */
type Wishes = ReadonlyMap<IpFamily, string>;

export function wishOf({ metadata, spec }: Service): string | undefined {
  return metadata.annotations?.[addressAnnotation] || spec.loadBalancerIP || undefined;
}

/** Those the service has addresses of, the first first. */
export function familiesOf({ spec }: Service): readonly IpFamily[] {
  const families = (spec.ipFamilies ?? []).map((family): IpFamily => (family === 'IPv6' ? 6 : 4));
  return families.length === 0 ? [4] : families;
}

/** An address as it is compared; what is none stays as it is. */
export function canonical(address: string): string {
  const parsed = parseIp(address);
  return parsed === undefined ? address : formatIp(parsed);
}

function isContentWithout(family: IpFamily, service: Service): boolean {
  return service.spec.ipFamilyPolicy === 'PreferDualStack' && !familiesOf(service).includes(family);
}

function wishesOf(service: Service): Wishes | Refusal {
  const families = familiesOf(service);
  const wishes = new Map<IpFamily, string>();
  for (const text of (wishOf(service) ?? '').split(',').map((part) => part.trim())) {
    if (text === '') continue;
    const parsed = parseIp(text);
    const quoted = JSON.stringify(text.slice(0, 100));
    // Of a family that was only preferred, and that the cluster does not have.
    if (parsed !== undefined && isContentWithout(parsed.family, service)) continue;
    if (parsed === undefined || !families.includes(parsed.family)) {
      const names = families.map((family) => `IPv${family}`).join(' or ');
      return { reason: 'AddressInvalid', message: `${quoted} is not an ${names} address` };
    }
    if (wishes.has(parsed.family))
      return {
        reason: 'AddressInvalid',
        message: `${quoted} is the second IPv${parsed.family} address that is wished`,
      };
    wishes.set(parsed.family, formatIp(parsed));
  }
  return wishes;
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
  const pool = poolWith(market, wish);
  if (pool === undefined) return { reason: 'AddressNotInPool', message: `no pool has the address ${wish}` };
  const others = market.othersWith(wish);
  const [other] = others;
  const mayKeep = current === wish && others.every((each) => isElder(service, each));
  if (other === undefined || mayKeep) return pool;
  return { reason: 'AddressTaken', message: `the address ${wish} is that of the service ${other.key}` };
}

/** What the service has and may keep. */
function kept(service: Service, current: string | undefined, market: Market): Given | undefined {
  if (current === undefined) return undefined;
  const pool = poolWith(market, current);
  const mayKeep = market.othersWith(current).every((other) => isElder(service, other));
  return pool === undefined || !mayKeep ? undefined : { address: current, pool: pool.name };
}

function anyFree(family: IpFamily, market: Market): FamilyChoice {
  const ofFamily = market.pools.filter((pool) => pool.size(family) > 0n);
  if (ofFamily.length === 0) return { refusal: { reason: 'NoPool', message: `no pool has IPv${family} addresses` } };
  const automatic = ofFamily.filter(({ autoAssign }) => autoAssign);
  for (const pool of automatic) {
    const address = pool.firstFree(family, (each) => market.othersWith(each).length > 0);
    if (address !== undefined) return { given: { address, pool: pool.name } };
  }
  const names = automatic.map((pool) => `${pool.name} (${pool.size(family)} addresses)`).join(', ');
  const message =
    names === ''
      ? `no pool gives IPv${family} addresses to services that do not wish one`
      : `all IPv${family} addresses are given away: ${names}`;
  return { refusal: { reason: 'PoolExhausted', message } };
}

function chooseOf(
  family: IpFamily,
  service: Service,
  current: string | undefined,
  wishes: Wishes | Refusal,
  market: Market,
): FamilyChoice {
  if ('reason' in wishes) return { given: kept(service, current, market), refusal: wishes };
  const wish = wishes.get(family);
  if (wish === undefined) {
    const given = kept(service, current, market);
    return given === undefined ? anyFree(family, market) : { given };
  }
  const granted = grant(service, wish, current, market);
  if ('name' in granted) return { given: { address: wish, pool: granted.name } };
  return { given: current === wish ? undefined : kept(service, current, market), refusal: granted };
}

/** A service that only prefers a second family is content with one, unless it wishes an address. */
function matters(service: Service, { reason }: Refusal, given: readonly Given[]): boolean {
  const isLack = reason === 'NoPool' || reason === 'PoolExhausted';
  return !(isLack && service.spec.ipFamilyPolicy === 'PreferDualStack' && given.length > 0);
}

/**
 * `current`: what the service has of pools. An address stays with it until a wish can be met. A service that requires two families gets
 * none before there is one of each; what it has by then it keeps.
 */
export function choose(service: Service, current: readonly string[], market: Market): Choice {
  if (market.pools.length === 0) {
    const message = 'no pool of addresses is configured: see the configuration of loadbalancer-pool';
    return { given: [], refusal: { reason: 'NoPool', message } };
  }
  const wishes = wishesOf(service);
  const has = (family: IpFamily): string | undefined => current.find((address) => parseIp(address)?.family === family);
  const all = familiesOf(service).map((family) => chooseOf(family, service, has(family), wishes, market));
  const given = all.flatMap((each) => each.given ?? []);
  const refusals = all.flatMap(({ refusal }) => refusal ?? []).filter((refusal) => matters(service, refusal, given));
  const waits = service.spec.ipFamilyPolicy === 'RequireDualStack' && given.length < all.length;
  const [first] = refusals;
  return {
    given: waits ? given.filter(({ address }) => has(familyOf(address)) !== undefined) : given,
    ...(first === undefined
      ? {}
      : {
          refusal: {
            reason: first.reason,
            message: [...new Set(refusals.map(({ message }) => message))].join('; '),
          },
        }),
  };
}

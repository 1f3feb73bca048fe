/** The pools that addresses come from, as they are configured. */
import { formatIp, parseIp, parseIpRange, type IpFamily } from '@timonel/sdk/contracts/network';

export interface PoolRange {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly last: bigint;
}

/** Of IPv6 that are no addresses of one machine, or not beyond its links: `::/96`, those with IPv4 in them, link-local and multicast ones. */
const unusable = ['::/96', '::ffff:0:0/96', 'fe80::/10', 'ff00::/8'].flatMap((text) => parseIpRange(text) ?? []);
const interfaceIds = 1n << 64n;

/** All routers of a network of 64 bits answer for its first address. Source: RFC 4291, section 2.6.1. */
function isAnycast(family: IpFamily, value: bigint): boolean {
  return family === 6 && value % interfaceIds === 0n;
}

/**
 * Reads `192.0.2.10-192.0.2.20`, `192.0.2.0/28` or one address, of either family; undefined when it is none of them. The first address of a
 * CIDR of IPv6 is that of its routers, unless it has only one or two (RFC 6164): it is no part of the range.
 */
export function parseRange(text: string): PoolRange | undefined {
  const [from = '', to, more] = text.split('-').map((part) => part.trim());
  const range = to === undefined ? rangeOfCidr(from) : more === undefined ? rangeBetween(from, to) : undefined;
  if (range === undefined) return undefined;
  const first = isAnycast(range.family, range.first) ? range.first + 1n : range.first;
  const isUsable = unusable.every((bad) => bad.family !== range.family || range.last < bad.first || bad.last < first);
  return isUsable && first <= range.last ? { ...range, first } : undefined;
}

function rangeOfCidr(text: string): PoolRange | undefined {
  const range = parseIpRange(text);
  if (range === undefined) return undefined;
  const { family, first, last, prefixLength } = range;
  return { family, last, first: family === 6 && prefixLength < 127 ? first + 1n : first };
}

function rangeBetween(from: string, to: string): PoolRange | undefined {
  const [first, last] = [parseIp(from), parseIp(to)];
  if (first === undefined || last === undefined || first.family !== last.family || first.value > last.value)
    return undefined;
  return { family: first.family, first: first.value, last: last.value };
}

/** Two ranges of the pools that have an address in common. */
export function overlapOf(pools: readonly Pick<PoolConfig, 'addresses'>[]): readonly [string, string] | undefined {
  const all = pools
    .flatMap(({ addresses }) => addresses)
    .flatMap((text) => {
      const range = parseRange(text);
      return range === undefined ? [] : [{ ...range, text }];
    });
  const sorted = all.toSorted((a, b) => a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  for (const [index, next] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before?.family === next.family && next.first <= before.last) return [before.text, next.text];
  }
  return undefined;
}

export interface PoolConfig {
  readonly name: string;
  readonly addresses: readonly string[];
  /** False: its addresses are given only to services that wish them. */
  readonly autoAssign: boolean;
}

export interface Pool {
  readonly name: string;
  readonly autoAssign: boolean;
  /** How many addresses of the family it has. */
  size(family: IpFamily): bigint;
  includes(address: string): boolean;
  /** The first address of the family that is free. */
  firstFree(family: IpFamily, isTaken: (address: string) => boolean): string | undefined;
}

export function poolOf({ name, addresses, autoAssign }: PoolConfig): Pool {
  const ranges = addresses.flatMap((text) => parseRange(text) ?? []);
  const of = (family: IpFamily): readonly PoolRange[] => ranges.filter((range) => range.family === family);
  return {
    name,
    autoAssign,
    size: (family) => of(family).reduce((sum, { first, last }) => sum + last - first + 1n, 0n),
    includes(address) {
      const { family, value } = parseIp(address) ?? {};
      if (family === undefined || value === undefined || isAnycast(family, value)) return false;
      return of(family).some(({ first, last }) => first <= value && value <= last);
    },
    firstFree(family, isTaken) {
      for (const { first, last } of of(family)) {
        for (let value = first; value <= last; value += 1n) {
          const address = formatIp({ family, value });
          if (!isAnycast(family, value) && !isTaken(address)) return address;
        }
      }
      return undefined;
    },
  };
}

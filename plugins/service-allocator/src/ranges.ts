/** The ranges that values come from. */
import {
  familyRangeTexts,
  formatIp,
  formatIpRange,
  parseFamilyRanges,
  parseIp,
  parseIpRange,
} from '@timonel/sdk/contracts/network';
import type { PoolRange } from './pool.ts';

const leastReserved = 16;

/** How many of `size` values are for those who choose for themselves: a part, within limits. None of a small range. */
function reservedOf(size: number, part: number, most: number): number {
  return size <= leastReserved ? 0 : Math.min(Math.max(leastReserved, Math.floor(size / part)), most);
}

/** See "Avoiding Collisions" of Kubernetes' documentation of NodePort services. */
export function reservedPorts(size: number): number {
  return reservedOf(size, 32, 128);
}

export interface AddressRange extends PoolRange<string> {
  readonly cidr: string;
  /** The first usable address: that of the service `kubernetes`. */
  readonly first: string;
  includes(address: string): boolean;
}

/** Prefix lengths: a range of IPv6 is no larger than what the pool can look through. */
const lengths = { 4: { least: 8, most: 29 }, 6: { least: 108, most: 125 } } as const;

/** Usable addresses of a network: without its own and the last. Undefined: it is none, or too small or large. */
export function addressRange(cidr: string): AddressRange | undefined {
  const parsed = cidr.includes('/') ? parseIpRange(cidr) : undefined;
  if (parsed === undefined) return undefined;
  const { family, first: start, last, prefixLength } = parsed;
  const { least, most } = lengths[family];
  if (prefixLength < least || prefixLength > most) return undefined;
  const total = Number(last - start + 1n);
  const textOf = (value: bigint): string => formatIp({ family, value });
  return {
    cidr: formatIpRange(parsed),
    first: textOf(start + 1n),
    size: total - 3,
    // The first address is reserved, too.
    reserved: Math.max(0, reservedOf(total, 16, 256) - 1),
    at: (index) => textOf(start + 2n + BigInt(index)),
    includes(text) {
      const address = parseIp(text);
      return address?.family === family && address.value > start && address.value < last;
    },
  };
}

/** One range, or one of IPv4 and one of IPv6 with a comma between: IPv4 first. Undefined: one is none, or too small or large. */
export function addressRanges(text: string): readonly AddressRange[] | undefined {
  const both = parseFamilyRanges(text);
  if (both === undefined) return undefined;
  const ranges = familyRangeTexts(both).map(addressRange);
  return ranges.every((range) => range !== undefined) ? ranges : undefined;
}

/** `30080/TCP`: the same number may be used once for each protocol. */
export function portKey(port: number, protocol: string | undefined): string {
  return `${port}/${protocol ?? 'TCP'}`;
}

/** `name`: as `held-values.ts` names values. */
export function isInRange(
  name: string,
  ranges: readonly AddressRange[],
  ports: { first: number; last: number },
): boolean {
  const [kind, value = ''] = name.split('/');
  if (kind === 'addresses') return ranges.some((range) => range.includes(value));
  const port = Number.parseInt(value, 10);
  return port >= ports.first && port <= ports.last;
}

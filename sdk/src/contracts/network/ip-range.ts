import { isIPv4, isIPv6 } from 'node:net';
import { formatIpv4, parseIpv4 } from './ipv4.ts';

export type IpFamily = 4 | 6;

/** An address of either family as a number. */
export interface IpAddress {
  readonly family: IpFamily;
  readonly value: bigint;
}

/** A range of either family. */
export interface IpRange {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly last: bigint;
  readonly prefixLength: number;
}

export function familyOf(text: string): IpFamily {
  return text.includes(':') ? 6 : 4;
}

/** Reads an address; one with a zone is none. */
export function parseIp(text: string): IpAddress | undefined {
  if (isIPv4(text)) {
    const value = parseIpv4(text);
    return value === undefined ? undefined : { family: 4, value: BigInt(value) };
  }
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const [head = '', tail] = canonicalIpv6(text).split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
  return { family: 6, value: groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n) };
}

/** Writes an address as RFC 5952 has it. */
export function formatIp({ family, value }: IpAddress): string {
  if (family === 4) return formatIpv4(Number(value));
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(16 * (7 - index))) & 0xffffn).toString(16));
  return canonicalIpv6(groups.join(':'));
}

/** Reads `10.244.0.0/24` or `fd00::/64`, or an address alone; host bits are cleared. */
export function parseIpRange(text: string): IpRange | undefined {
  const [address = '', prefix, more] = text.split('/');
  const parsed = parseIp(address);
  if (parsed === undefined || more !== undefined) return undefined;
  const { family, value } = parsed;
  const bits = family === 4 ? 32 : 128;
  if (prefix !== undefined && !/^(0|[1-9]\d{0,2})$/.test(prefix)) return undefined;
  const prefixLength = Number(prefix ?? bits);
  if (prefixLength > bits) return undefined;
  const size = 1n << BigInt(bits - prefixLength);
  const first = value - (value % size);
  return { family, first, last: first + size - 1n, prefixLength };
}

export function formatIpRange({ family, first, prefixLength }: IpRange): string {
  return `${formatIp({ family, value: first })}/${prefixLength}`;
}

/** True when the ranges have an address in common. */
export function ipRangesOverlap(a: IpRange, b: IpRange): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** One range for each family that a text such as `10.96.0.0/16,fd00:96::/112` names: of one family at least. */
export interface FamilyRanges {
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
}

/** A range, or one of each family with a comma between. Undefined: it is neither. */
export function parseFamilyRanges(text: string): FamilyRanges | undefined {
  const texts = text.split(',').map((part) => part.trim());
  const ranges = texts.map(parseIpRange);
  if (texts.length > 2 || ranges.some((range) => range === undefined)) return undefined;
  const of = (family: IpFamily): string | undefined => texts.find((_, index) => ranges[index]?.family === family);
  const [ipv4, ipv6] = [of(4), of(6)];
  const isTwice = texts.length === 2 && (ipv4 === undefined || ipv6 === undefined);
  return isTwice ? undefined : { ipv4, ipv6 };
}

/** IPv4 first. */
export function familyRangeTexts({ ipv4, ipv6 }: FamilyRanges): readonly string[] {
  return [ipv4, ipv6].filter((text) => text !== undefined);
}

// The parser of URLs writes addresses as RFC 5952 asks, and knows dotted ends.
function canonicalIpv6(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

/** IP addresses and ranges as numbers. */
import { isIPv4, isIPv6 } from 'node:net';

export interface Address {
  readonly family: 4 | 6;
  readonly bits: bigint;
}

export const widthOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);

const bitsOf = (parts: readonly number[], width: bigint): bigint =>
  parts.reduce((bits, part) => (bits << width) | BigInt(part), 0n);

function ipv6Bits(text: string): bigint {
  // The last part may be written as IPv4.
  const tail = /:(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const [a = 0, b = 0, c = 0, d = 0] = tail?.slice(1).map(Number) ?? [];
  const plain =
    tail === null ? text : `${text.slice(0, tail.index)}:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  const [head = '', rest] = plain.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(rest ?? '')];
  const zeros = Array.from({ length: rest === undefined ? 0 : 8 - before.length - after.length }, () => 0);
  return bitsOf([...before, ...zeros, ...after], 16n);
}

/** Without zones, and no IPv4 in the clothes of IPv6. */
export function parseAddress(text: string): Address | string {
  if (text.length > 64) return 'unable to parse IP';
  if (isIPv4(text)) return { family: 4, bits: bitsOf(text.split('.').map(Number), 8n) };
  if (text.includes('%')) return 'IP address with zone value is not allowed';
  if (!isIPv6(text)) return 'unable to parse IP';
  const bits = ipv6Bits(text);
  return bits >> 32n === 0xffffn ? 'IPv4-mapped IPv6 address is not allowed' : { family: 6, bits };
}

/** Where the longest run of zeros begins that `::` stands for, and how long it is. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0;
    while (groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** RFC 5952. */
export function addressText({ family, bits }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => Number((bits >> BigInt(112 - index * 16)) & 0xffffn));
  const { start, length } = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  return start < 0 ? hex.join(':') : `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

/** The bits that all addresses of a range have in common. */
export function maskBits({ family, bits }: Address, prefix: number): bigint {
  const rest = BigInt(widthOf(family) - prefix);
  return (bits >> rest) << rest;
}

export interface Range {
  readonly address: Address;
  readonly prefix: number;
}

export function parseRange(text: string): Range | string {
  const [ip = '', digits = '', more] = text.slice(0, 80).split('/');
  const address = parseAddress(ip);
  if (more !== undefined || !/^(0|[1-9]\d{0,2})$/.test(digits)) return 'network address parse error';
  if (typeof address === 'string') return address;
  const prefix = Number(digits);
  return prefix > widthOf(address.family) ? 'prefix length out of range' : { address, prefix };
}

export function rangeHolds(range: Range, address: Address): boolean {
  return (
    address.family === range.address.family && maskBits(address, range.prefix) === maskBits(range.address, range.prefix)
  );
}

/** Whether an address lies in one of some ranges. */
export function liesIn(address: Address, ranges: readonly string[]): boolean {
  return ranges.some((text) => {
    const range = parseRange(text);
    return typeof range !== 'string' && rangeHolds(range, address);
  });
}

import { isIPv4, isIPv6 } from 'node:net';

/** A range of addresses in CIDR notation: `10.0.0.0/8`, `fd00::/8`. */
export function cidrProblems(text: string): string[] {
  const [address = '', length = '', ...rest] = text.split('/');
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return rest.length === 0 && bits <= most ? [] : ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'];
}

/** The address as a number, to compare and to mask. */
function valueOf(address: string): bigint {
  if (isIPv4(address)) return address.split('.').reduce((value, part) => value * 256n + BigInt(part), 0n);
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':').flatMap(embedded));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const all = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return all.reduce((value, group) => value * 65_536n + BigInt(`0x${group}`), 0n);
}

/** `1.2.3.4` at the end of an IPv6 address as its two groups. */
function embedded(group: string): string[] {
  if (!group.includes('.')) return [group];
  const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
  return [(a * 256 + b).toString(16), (c * 256 + d).toString(16)];
}

/** Whether the second range lies strictly inside of the first. Both are valid. */
export function isInsideOf(outer: string, inner: string): boolean {
  const [[outerAddress = '', outerBits = '0'], [innerAddress = '', innerBits = '0']] = [
    outer.split('/'),
    inner.split('/'),
  ];
  if (isIPv4(outerAddress) !== isIPv4(innerAddress) || Number(innerBits) <= Number(outerBits)) return false;
  const hostBits = BigInt((isIPv4(outerAddress) ? 32 : 128) - Number(outerBits));
  return valueOf(outerAddress) >> hostBits === valueOf(innerAddress) >> hostBits;
}

/** The one way to write an address that names of IPAddress objects use: RFC 5952. */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const host = new URL(`http://[${text}]/`).hostname;
  return host.slice(1, -1);
}

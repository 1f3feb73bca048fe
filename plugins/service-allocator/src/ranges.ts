/** The ranges that values come from. */
import type { PoolRange } from './pool.ts';

export function addressNumber(address: string): number | undefined {
  const parts = address.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((number, part) => number * 256 + Number(part), 0);
}

export function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

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

/** Usable addresses of an IPv4 network: without the network's own and the last. Undefined: it is none, or too small or large. */
export function addressRange(cidr: string): AddressRange | undefined {
  const [address = '', bits = ''] = cidr.split('/');
  const base = addressNumber(address);
  const length = /^\d{1,2}$/.test(bits) ? Number(bits) : -1;
  if (base === undefined || length < 8 || length > 29) return undefined;
  const total = 2 ** (32 - length);
  const start = base - (base % total);
  return {
    cidr: `${addressText(start)}/${length}`,
    first: addressText(start + 1),
    size: total - 3,
    // The first address is reserved, too.
    reserved: Math.max(0, reservedOf(total, 16, 256) - 1),
    at: (index) => addressText(start + 2 + index),
    includes(text) {
      const number = addressNumber(text);
      return number !== undefined && number > start && number < start + total - 1;
    },
  };
}

/** `30080/TCP`: the same number may be used once for each protocol. */
export function portKey(port: number, protocol: string | undefined): string {
  return `${port}/${protocol ?? 'TCP'}`;
}

/** `name`: as `held-values.ts` names values. */
export function isInRange(name: string, addresses: AddressRange, ports: { first: number; last: number }): boolean {
  const [kind, value = ''] = name.split('/');
  if (kind === 'addresses') return addresses.includes(value);
  const port = Number.parseInt(value, 10);
  return port >= ports.first && port <= ports.last;
}

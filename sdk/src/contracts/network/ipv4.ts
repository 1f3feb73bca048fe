/** An IPv4 range: `10.244.0.0/24`. Numbers are addresses in host order, 0 … 2^32 - 1. */
export interface Ipv4Range {
  readonly first: number;
  readonly last: number;
  readonly prefixLength: number;
}

/** Reads `a.b.c.d`; undefined when it is not an IPv4 address. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

/** Writes an address as `a.b.c.d`. */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** Reads `a.b.c.d/n`, or an address alone as `/32`; host bits are cleared. Undefined when it is neither. */
export function parseIpv4Range(text: string): Ipv4Range | undefined {
  const [address = '', prefix = '32', more] = text.split('/');
  const value = parseIpv4(address);
  if (value === undefined || more !== undefined || !/^([0-9]|[12][0-9]|3[0-2])$/.test(prefix)) return undefined;
  const size = 2 ** (32 - Number(prefix));
  const first = value - (value % size);
  return { first, last: first + size - 1, prefixLength: Number(prefix) };
}

/** True when the ranges have an address in common. */
export function ipv4RangesOverlap(a: Ipv4Range, b: Ipv4Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/**
 * Hands out the addresses of a range, as numbers, one after the other, so that a freed one is not given to the next pod at once
 * (peers may still hold connections to it).
 */
export class AddressPool {
  readonly #first: number;
  readonly #last: number;
  readonly #taken: Set<number> = new Set();
  #next: number;

  /** Addresses from `first` to `last`, both included. */
  constructor(first: number, last: number) {
    this.#first = first;
    this.#last = last;
    this.#next = first;
  }

  /** A free address, or undefined when none is left. */
  take(): number | undefined {
    const size = this.#last - this.#first + 1;
    if (this.#taken.size >= size) return undefined;
    while (this.#taken.has(this.#next)) this.#advance();
    const address = this.#next;
    this.#taken.add(address);
    this.#advance();
    return address;
  }

  /** Marks an address of an earlier run as taken. False: it is not of this pool, or taken. */
  reserve(address: number): boolean {
    if (address < this.#first || address > this.#last || this.#taken.has(address)) return false;
    this.#taken.add(address);
    if (address === this.#next) this.#advance();
    return true;
  }

  free(address: number): void {
    this.#taken.delete(address);
  }

  #advance(): void {
    this.#next = this.#next === this.#last ? this.#first : this.#next + 1;
  }
}

/** The pools that addresses come from, as they are configured. */
import { formatIpv4, parseIpv4, parseIpv4Range } from '@timonel/sdk/contracts/network';

interface Range {
  readonly first: number;
  readonly last: number;
}

/** Reads `192.0.2.10-192.0.2.20`, `192.0.2.0/28` or one address; undefined when it is none of them. */
export function parseRange(text: string): Range | undefined {
  const [from = '', to, more] = text.split('-').map((part) => part.trim());
  if (to === undefined) return parseIpv4Range(from);
  const [first, last] = [parseIpv4(from), parseIpv4(to)];
  if (more !== undefined || first === undefined || last === undefined || first > last) return undefined;
  return { first, last };
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
  readonly size: number;
  includes(address: string): boolean;
  /** The first address that is free. */
  firstFree(isTaken: (address: string) => boolean): string | undefined;
}

export function poolOf({ name, addresses, autoAssign }: PoolConfig): Pool {
  const ranges = addresses.flatMap((text) => parseRange(text) ?? []);
  return {
    name,
    autoAssign,
    size: ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0),
    includes(address) {
      const number = parseIpv4(address);
      return number !== undefined && ranges.some(({ first, last }) => first <= number && number <= last);
    },
    firstFree(isTaken) {
      for (const { first, last } of ranges) {
        for (let number = first; number <= last; number += 1) {
          const address = formatIpv4(number);
          if (!isTaken(address)) return address;
        }
      }
      return undefined;
    },
  };
}

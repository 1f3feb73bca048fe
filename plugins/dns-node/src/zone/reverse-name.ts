/** Addresses in names: RFC 1035, 3.5 (`in-addr.arpa`), and RFC 3596, 2.5 (`ip6.arpa`). */
import { shortIpv6 } from '../wire/addresses.ts';

const v4Suffix = '.in-addr.arpa';
const v6Suffix = '.ip6.arpa';

/** The address in its usual text; IPv6 in the shortest form. Undefined: it is no such name, or one of a network. */
export function addressOfReverseName(name: string): string | undefined {
  if (name.endsWith(v4Suffix)) {
    const parts = name.slice(0, -v4Suffix.length).split('.').reverse();
    return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part)) ? parts.join('.') : undefined;
  }
  if (!name.endsWith(v6Suffix)) return undefined;
  const digits = name.slice(0, -v6Suffix.length).split('.').reverse();
  if (digits.length !== 32 || digits.some((digit) => !/^[0-9a-f]$/.test(digit))) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => digits.slice(index * 4, index * 4 + 4).join(''));
  return shortIpv6(groups.map((group) => parseInt(group, 16)));
}

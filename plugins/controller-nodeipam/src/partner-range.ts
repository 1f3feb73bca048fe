import { formatIpRange, parseIpRange, type IpRange } from '@timonel/sdk/contracts/network';

/** Where nodes have their IPv6 addresses from, and how large one node's part is. */
export interface PartnerRanges {
  readonly cluster6: string;
  readonly maskBits6: number;
}

/**
 * The IPv6 range that goes with a node's IPv4 range: as many ranges from the beginning of its cluster's. So nothing has to be promised
 * for it: who has the one has the other.
 */
export function partnerRange(
  cidr: string,
  cluster: IpRange,
  { cluster6, maskBits6 }: PartnerRanges,
): string | undefined {
  const [own, all] = [parseIpRange(cidr), parseIpRange(cluster6)];
  if (own?.family !== 4 || all?.family !== 6) return undefined;
  const index = (own.first - cluster.first) >> BigInt(32 - own.prefixLength);
  const size = 1n << BigInt(128 - maskBits6);
  const first = all.first + index * size;
  return first < all.first || first > all.last
    ? undefined
    : formatIpRange({ family: 6, first, last: first + size - 1n, prefixLength: maskBits6 });
}

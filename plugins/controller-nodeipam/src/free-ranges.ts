/** Finds ranges of one size that overlap nothing. */
import { formatIpRange, ipRangesOverlap, parseIpRange, type IpRange } from '@timonel/sdk/contracts/network';

/**
 * Gives ranges one after the other and begins again at the end, so that the range of a deleted node is not given to the next node
 * at once: others may still have routes to it.
 */
export class FreeRanges {
  readonly #cluster: IpRange;
  readonly #maskBits: number;
  #next = 0;

  /** Parts of `cluster` with the prefix length `maskBits`. */
  constructor(cluster: IpRange, maskBits: number) {
    this.#cluster = cluster;
    this.#maskBits = maskBits;
  }

  /** How many ranges there are in all. */
  get size(): number {
    return 2 ** (this.#maskBits - this.#cluster.prefixLength);
  }

  /** True for a range of this kind. */
  includes(cidr: string): boolean {
    const range = parseIpRange(cidr);
    if (range?.family !== this.#cluster.family || range.prefixLength !== this.#maskBits) return false;
    return range.first >= this.#cluster.first && range.last <= this.#cluster.last;
  }

  /** Takes ranges out of those that overlap none of `used`, one for each call. Undefined: none is left. */
  from(used: readonly IpRange[]): () => string | undefined {
    const taken = this.#indexesOf(used);
    return () => {
      if (taken.size >= this.size) return undefined;
      while (taken.has(this.#next)) this.#next = (this.#next + 1) % this.size;
      const index = this.#next;
      taken.add(index);
      this.#next = (index + 1) % this.size;
      const { family } = this.#cluster;
      const first = this.#cluster.first + BigInt(index) * this.#length;
      return formatIpRange({ family, first, last: first + this.#length - 1n, prefixLength: this.#maskBits });
    };
  }

  get #length(): bigint {
    return 1n << BigInt((this.#cluster.family === 4 ? 32 : 128) - this.#maskBits);
  }

  #indexesOf(used: readonly IpRange[]): Set<number> {
    const indexes = new Set<number>();
    for (const range of used) {
      if (!ipRangesOverlap(range, this.#cluster)) continue;
      const first = Math.max(0, this.#indexOf(range.first));
      const last = Math.min(this.size - 1, this.#indexOf(range.last));
      for (let index = first; index <= last; index++) indexes.add(index);
    }
    return indexes;
  }

  /** Of the range that holds the address; less than 0, or too large, beside the cluster's. */
  #indexOf(address: bigint): number {
    return Number((address - this.#cluster.first) / this.#length);
  }
}

/** Finds ranges of one size that overlap nothing. */
import { formatIpv4, ipv4RangesOverlap, parseIpv4Range, type Ipv4Range } from '@timonel/sdk/contracts/network';

/**
 * Gives ranges one after the other and begins again at the end, so that the range of a deleted node is not given to the next node
 * at once: others may still have routes to it.
 */
export class FreeRanges {
  readonly #cluster: Ipv4Range;
  readonly #maskBits: number;
  #next = 0;

  /** Parts of `cluster` with the prefix length `maskBits`. */
  constructor(cluster: Ipv4Range, maskBits: number) {
    this.#cluster = cluster;
    this.#maskBits = maskBits;
  }

  /** How many ranges there are in all. */
  get size(): number {
    return 2 ** (this.#maskBits - this.#cluster.prefixLength);
  }

  /** True for a range of this kind. */
  includes(cidr: string): boolean {
    const range = parseIpv4Range(cidr);
    if (range === undefined || range.prefixLength !== this.#maskBits) return false;
    return range.first >= this.#cluster.first && range.last <= this.#cluster.last;
  }

  /** Takes ranges out of those that overlap none of `used`, one for each call. Undefined: none is left. */
  from(used: readonly Ipv4Range[]): () => string | undefined {
    const taken = this.#indexesOf(used);
    return () => {
      if (taken.size >= this.size) return undefined;
      while (taken.has(this.#next)) this.#next = (this.#next + 1) % this.size;
      const index = this.#next;
      taken.add(index);
      this.#next = (index + 1) % this.size;
      return `${formatIpv4(this.#cluster.first + index * this.#length)}/${this.#maskBits}`;
    };
  }

  get #length(): number {
    return 2 ** (32 - this.#maskBits);
  }

  #indexesOf(used: readonly Ipv4Range[]): Set<number> {
    const indexes = new Set<number>();
    for (const range of used) {
      if (!ipv4RangesOverlap(range, this.#cluster)) continue;
      const first = Math.max(0, Math.floor((range.first - this.#cluster.first) / this.#length));
      const last = Math.min(this.size - 1, Math.floor((range.last - this.#cluster.first) / this.#length));
      for (let index = first; index <= last; index++) indexes.add(index);
    }
    return indexes;
  }
}

/** Finds the best rows. */

/** Rows; -1 where there is none. */
export interface Ranking {
  first: number;
  second: number;
  third: number;
}

const nobody = Number.NEGATIVE_INFINITY;
const blockBits = 6;

/** The highest total of each block of 64 rows, so that not every row has to be looked at. */
export class BlockTops {
  #tops = new Float64Array(0);
  #stale = new Uint8Array(0);

  /** The total of a row changed. */
  touch(row: number): void {
    this.#stale[row >> blockBits] = 1;
  }

  /** Totals of all rows changed. */
  touchAll(size: number): void {
    const blocks = (size >> blockBits) + 1;
    if (this.#tops.length < blocks) {
      this.#tops = new Float64Array(blocks * 2);
      this.#stale = new Uint8Array(blocks * 2);
    }
    this.#stale.fill(1);
  }

  of(totals: Float64Array, size: number): Float64Array {
    const blocks = (size >> blockBits) + 1;
    if (this.#tops.length < blocks) this.touchAll(size);
    for (let block = 0; block < blocks; block += 1) {
      if (this.#stale[block] === 0) continue;
      this.#stale[block] = 0;
      this.#tops[block] = topOf(totals, block << blockBits, Math.min(size, (block + 1) << blockBits));
    }
    return this.#tops;
  }
}

function topOf(totals: Float64Array, from: number, to: number): number {
  let top = nobody;
  for (let row = from; row < to; row += 1) {
    const total = totals[row] as number;
    if (total > top) top = total;
  }
  return top;
}

/** The best three so far, with their totals. */
class Podium implements Ranking {
  first = -1;
  second = -1;
  third = -1;
  #best = nobody;
  #next = nobody;
  /** What a row must have more than. */
  last: number = nobody;

  look(totals: Float64Array, from: number, to: number): void {
    for (let row = from; row < to; row += 1) {
      const total = totals[row] as number;
      if (total > this.last) this.#take(row, total);
    }
  }

  #take(row: number, total: number): void {
    if (total > this.#best) {
      this.third = this.second;
      this.last = this.#next;
      this.second = this.first;
      this.#next = this.#best;
      this.first = row;
      this.#best = total;
    } else if (total > this.#next) {
      this.third = this.second;
      this.last = this.#next;
      this.second = row;
      this.#next = total;
    } else {
      this.third = row;
      this.last = total;
    }
  }
}

/**
 * The best three. Of equals the first from `start` on, which differs each time: so equal nodes share the pods. `totals`: negative infinity for
 * rows that are no candidates. `tops`: of blocks, when they are known.
 */
export function rank(totals: Float64Array, size: number, start: number, tops?: Float64Array): Ranking {
  const podium = new Podium();
  if (tops === undefined) {
    podium.look(totals, start, size);
    podium.look(totals, 0, start);
    return podium;
  }
  const startBlock = start >> blockBits;
  const blocks = (size >> blockBits) + 1;
  podium.look(totals, start, Math.min(size, (startBlock + 1) << blockBits));
  for (let step = 1; step < blocks; step += 1) {
    const block = (startBlock + step) % blocks;
    if ((tops[block] as number) <= podium.last) continue;
    podium.look(totals, block << blockBits, Math.min(size, (block + 1) << blockBits));
  }
  podium.look(totals, startBlock << blockBits, start);
  return podium;
}

/** Where a search among equals begins, 0 … size - 1: by the pod, so that two schedulers that think alike choose the same node. FNV-1a. */
export function placeOf(uid: string, size: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < uid.length; at += 1) hash = Math.imul(hash ^ uid.charCodeAt(at), 0x01000193);
  return size === 0 ? 0 : (hash >>> 0) % size;
}

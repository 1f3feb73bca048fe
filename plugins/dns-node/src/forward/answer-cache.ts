import type { Relayed } from './relayed.ts';

export interface CacheBounds {
  readonly entries: number;
  readonly bytes: number;
  /** The longest that an answer is kept, in seconds, and one that says that there is nothing. */
  readonly positiveSeconds: number;
  readonly negativeSeconds: number;
}

interface Entry {
  readonly relayed: Relayed;
  readonly storedMs: number;
  readonly endMs: number;
}

/** Answers of other servers until their time is over; those not asked for the longest time go first when it is full. */
export class AnswerCache {
  readonly #bounds: CacheBounds;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(bounds: CacheBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `ageSeconds`: since it came. */
  get(key: string, nowMs: number): { readonly relayed: Relayed; readonly ageSeconds: number } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#remove(key, entry);
    if (entry.endMs <= nowMs) return undefined;
    this.#add(key, entry);
    return { relayed: entry.relayed, ageSeconds: Math.floor((nowMs - entry.storedMs) / 1000) };
  }

  set(key: string, relayed: Relayed, negative: boolean, nowMs: number): void {
    const longest = negative ? this.#bounds.negativeSeconds : this.#bounds.positiveSeconds;
    const seconds = Math.min(relayed.ttlSeconds, longest);
    const old = this.#entries.get(key);
    if (old !== undefined) this.#remove(key, old);
    if (seconds <= 0) return;
    this.#add(key, { relayed, storedMs: nowMs, endMs: nowMs + seconds * 1000 });
    for (const [first, entry] of this.#entries) {
      if (this.#entries.size <= this.#bounds.entries && this.#bytes <= this.#bounds.bytes) return;
      this.#remove(first, entry);
    }
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += entry.relayed.message.length + key.length;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.relayed.message.length + key.length;
  }
}

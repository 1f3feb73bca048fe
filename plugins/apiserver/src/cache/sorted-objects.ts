/**
 * Objects by key, and in key order for whoever lists them. Writes are many and lists few: what was written is put into its place only
 * when the order is asked for.
 */
import type { StoredObject } from './stored-object.ts';

/** Up to so many are put into their places one by one; more are merged in one go. */
const fewChanges = 32;
/** So many more changes than objects wait for somebody who asks; then the order is made without being asked for. */
const spareChanges = 1024;

/** First index whose key is not less than `key`. */
export function lowerBound(objects: readonly StoredObject[], key: string): number {
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((objects[middle]?.key ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class SortedObjects {
  readonly #objects = new Map<string, StoredObject>();
  #order: StoredObject[] = [];
  /** Keys whose places in the order may be wrong. */
  readonly #changed = new Set<string>();
  #version = 0;

  get size(): number {
    return this.#objects.size;
  }

  /** Another one after every change. */
  get version(): number {
    return this.#version;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  set(stored: StoredObject): void {
    this.#objects.set(stored.key, stored);
    this.#changed.add(stored.key);
    this.#version += 1;
    this.#bound();
  }

  delete(key: string): void {
    if (!this.#objects.delete(key)) return;
    this.#changed.add(key);
    this.#version += 1;
    this.#bound();
  }

  /** In key order. Not to be changed, nor to be kept over a change. */
  inOrder(): readonly StoredObject[] {
    if (this.#changed.size > fewChanges) this.#merge();
    else for (const key of this.#changed) this.#place(key);
    this.#changed.clear();
    return this.#order;
  }

  #bound(): void {
    if (this.#changed.size > this.#objects.size + spareChanges) this.inOrder();
  }

  #place(key: string): void {
    const at = lowerBound(this.#order, key);
    const present = this.#order[at]?.key === key;
    const stored = this.#objects.get(key);
    if (stored === undefined) {
      if (present) this.#order.splice(at, 1);
    } else if (present) this.#order[at] = stored;
    else this.#order.splice(at, 0, stored);
  }

  #merge(): void {
    const changed = [...this.#changed].sort();
    const merged: StoredObject[] = [];
    let from = 0;
    for (const key of changed) {
      let old = this.#order[from];
      while (old !== undefined && old.key < key) {
        merged.push(old);
        from += 1;
        old = this.#order[from];
      }
      if (old?.key === key) from += 1;
      const stored = this.#objects.get(key);
      if (stored !== undefined) merged.push(stored);
    }
    for (let at = from; at < this.#order.length; at += 1) {
      const old = this.#order[at];
      if (old !== undefined) merged.push(old);
    }
    this.#order = merged;
  }
}

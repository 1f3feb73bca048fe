/** A binary heap whose members know their place in it, so that any of them can be taken out in O(log n). */

export interface HeapMember {
  /** Kept by the heap; -1: in none. A member is in one heap at a time. */
  heapIndex: number;
}

export class Heap<T extends HeapMember> {
  #items: T[] = [];
  #compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  /** All at this moment, in no order. */
  values(): readonly T[] {
    return [...this.#items];
  }

  push(item: T): void {
    this.#items.push(item);
    this.#up(item, this.#items.length - 1);
  }

  pop(): T | undefined {
    const [first] = this.#items;
    if (first !== undefined) this.remove(first);
    return first;
  }

  remove(item: T): void {
    const at = item.heapIndex;
    if (this.#items[at] !== item) return;
    item.heapIndex = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#settle(last, at);
  }

  /** After the order of a member changed. */
  update(item: T): void {
    if (this.#items[item.heapIndex] === item) this.#settle(item, item.heapIndex);
  }

  reorder(compare: (a: T, b: T) => number): void {
    this.#compare = compare;
    const items = this.#items;
    this.#items = [];
    for (const item of items) this.push(item);
  }

  #settle(item: T, at: number): void {
    this.#up(item, at);
    if (item.heapIndex === at) this.#down(item, at);
  }

  #put(item: T, at: number): void {
    this.#items[at] = item;
    item.heapIndex = at;
  }

  #up(item: T, from: number): void {
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = this.#items[parentAt];
      if (parent === undefined || this.#compare(item, parent) >= 0) break;
      this.#put(parent, at);
      at = parentAt;
    }
    this.#put(item, at);
  }

  #down(item: T, from: number): void {
    let at = from;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = this.#items[childAt];
      const right = this.#items[childAt + 1];
      if (child === undefined) break;
      if (right !== undefined && this.#compare(right, child) < 0) {
        child = right;
        childAt += 1;
      }
      if (this.#compare(child, item) >= 0) break;
      this.#put(child, at);
      at = childAt;
    }
    this.#put(item, at);
  }
}

/** A set of completion indexes, as a Job's status writes it: `0,2-5`. Kept as ranges: a million indexes are one range. */

type Range = readonly [first: number, last: number];

/** Immutable. */
export class IndexSet {
  static readonly empty: IndexSet = new IndexSet([]);
  /** In order; neither overlapping nor adjoining. */
  readonly #ranges: readonly Range[];

  private constructor(ranges: readonly Range[]) {
    this.#ranges = ranges;
  }

  static of(indexes: Iterable<number>): IndexSet {
    return new IndexSet(joined([...indexes].map((index): Range => [index, index])));
  }

  /** What does not parse, and what is not below `limit`, is left out. */
  static parse(text: string | undefined, limit: number = Number.POSITIVE_INFINITY): IndexSet {
    const ranges = (text ?? '').split(',').flatMap((part): Range[] => {
      const found = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part.trim());
      if (found === null) return [];
      const first = Number(found[1]);
      const last = Math.min(Number(found[2] ?? found[1]), limit - 1);
      return first <= last ? [[first, last]] : [];
    });
    return new IndexSet(joined(ranges));
  }

  get size(): number {
    return this.#ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  }

  has(index: number): boolean {
    let low = 0;
    let high = this.#ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const [first, last] = this.#ranges[middle] ?? [0, -1];
      if (index < first) high = middle - 1;
      else if (index > last) low = middle + 1;
      else return true;
    }
    return false;
  }

  with(indexes: Iterable<number>): IndexSet {
    const more = [...indexes].map((index): Range => [index, index]);
    return more.length === 0 ? this : new IndexSet(joined([...this.#ranges, ...more]));
  }

  union(other: IndexSet): IndexSet {
    return new IndexSet(joined([...this.#ranges, ...other.#ranges]));
  }

  /** How many indexes are in both. */
  common(other: IndexSet): number {
    const [mine, others] = [this.#ranges, other.#ranges];
    let sum = 0;
    // Side by side: a policy may list as many ranges as have succeeded.
    for (let at = 0, otherAt = 0; at < mine.length && otherAt < others.length;) {
      const [first, last] = mine[at] ?? [0, -1];
      const [from, to] = others[otherAt] ?? [0, -1];
      sum += Math.max(0, Math.min(last, to) - Math.max(first, from) + 1);
      if (last < to) at += 1;
      else otherAt += 1;
    }
    return sum;
  }

  /** The first `count` indexes below `limit` that are not in the set. */
  firstMissing(count: number, limit: number): number[] {
    const missing: number[] = [];
    let next = 0;
    for (const [first, last] of [...this.#ranges, [limit, limit] as Range]) {
      for (; next < Math.min(first, limit) && missing.length < count; next += 1) missing.push(next);
      next = last + 1;
    }
    return missing;
  }

  toString(): string {
    // Two in a row are written one by one, as Kubernetes does.
    const texts = this.#ranges.map(([first, last]) => {
      if (first === last) return `${first}`;
      return last === first + 1 ? `${first},${last}` : `${first}-${last}`;
    });
    return texts.join(',');
  }
}

function joined(ranges: readonly Range[]): Range[] {
  const result: [number, number][] = [];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const before = result.at(-1);
    if (before !== undefined && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else result.push([first, last]);
  }
  return result;
}

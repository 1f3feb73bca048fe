/** Which keys each retained revision changed, in memory: finds the version of a key at an old revision. */
export class HistoryIndex {
  /** By key: the revisions that changed it, ascending. */
  readonly #byKey = new Map<string, number[]>();
  /** All changes in order of revision. */
  #revisions: number[] = [];
  #keys: string[] = [];
  #dropped = 0;

  add(revision: number, key: string): void {
    this.#revisions.push(revision);
    this.#keys.push(key);
    const revisions = this.#byKey.get(key);
    if (revisions === undefined) this.#byKey.set(key, [revision]);
    else revisions.push(revision);
  }

  /** The first revision after `revision` that changed the key. */
  nextChange(key: string, revision: number): number | undefined {
    const revisions = this.#byKey.get(key);
    return revisions?.[firstAbove(revisions, revision, 0)];
  }

  /** The keys that changed after `revision`, each once. */
  changedAfter(revision: number, prefix: string): Set<string> {
    const found = new Set<string>();
    for (let at = firstAbove(this.#revisions, revision, this.#dropped); at < this.#keys.length; at++) {
      const key = this.#keys[at] ?? '';
      if (key.startsWith(prefix)) found.add(key);
    }
    return found;
  }

  /** Forgets the changes of revisions before `revision`. */
  dropBefore(revision: number): void {
    const end = firstAbove(this.#revisions, revision - 1, this.#dropped);
    const keys = new Set<string>();
    for (let at = this.#dropped; at < end; at++) keys.add(this.#keys[at] ?? '');
    for (const key of keys) {
      const revisions = this.#byKey.get(key);
      if (revisions === undefined) continue;
      const left = firstAbove(revisions, revision - 1, 0);
      if (left === revisions.length) this.#byKey.delete(key);
      else revisions.splice(0, left);
    }
    this.#dropped = end;
    // Cut in large steps: cutting each time would cost more.
    if (this.#dropped < 1_000 || this.#dropped * 2 < this.#keys.length) return;
    this.#revisions = this.#revisions.slice(this.#dropped);
    this.#keys = this.#keys.slice(this.#dropped);
    this.#dropped = 0;
  }

  /** Number of changes it holds. */
  get size(): number {
    return this.#keys.length - this.#dropped;
  }
}

/** Index of the first element above `value`, from `low` on. */
function firstAbove(sorted: readonly number[], value: number, low: number): number {
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

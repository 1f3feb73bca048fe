/** Someone who waits for something. */
export interface Waiter<K> {
  readonly wanted: K;
  readonly resolve: () => void;
}

/** Who waits for what. Whoever is dropped waits for ever. */
export class Waiters<K> {
  #waiting: Waiter<K>[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  wait(wanted: K): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ wanted, resolve }));
  }

  /** Removes and answers those whose time has come. */
  take(due: (wanted: K) => boolean): Waiter<K>[] {
    const all = this.#waiting;
    this.#waiting = all.filter(({ wanted }) => !due(wanted));
    return this.#waiting.length === all.length ? [] : all.filter(({ wanted }) => due(wanted));
  }

  putBack(waiters: readonly Waiter<K>[]): void {
    this.#waiting = [...waiters, ...this.#waiting];
  }

  clear(): void {
    this.#waiting = [];
  }
}

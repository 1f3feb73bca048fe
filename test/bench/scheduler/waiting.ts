/** Which pods have reached something, and who waits for them. */

interface Waiter {
  missing: number;
  readonly done: (error?: Error) => void;
}

export class Reached {
  readonly #what: string;
  readonly #keys = new Set<string>();
  readonly #waiters = new Map<string, Waiter[]>();
  #failure: Error | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  mark(key: string): void {
    if (this.#keys.has(key)) return;
    this.#keys.add(key);
    for (const waiter of this.#waiters.get(key) ?? []) {
      waiter.missing -= 1;
      if (waiter.missing === 0) waiter.done();
    }
    this.#waiters.delete(key);
  }

  /** Nothing more will be reached: whoever waits learns why. */
  fail(error: Error): void {
    this.#failure ??= error;
    const waiters = new Set([...this.#waiters.values()].flat());
    this.#waiters.clear();
    for (const { done } of waiters) done(error);
  }

  /** @throws Error with one of those that are missing, after the limit */
  async all(keys: readonly string[], limitMs: number): Promise<void> {
    const missing = keys.filter((key) => !this.#keys.has(key));
    if (missing.length === 0) return;
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        const late = missing.filter((key) => !this.#keys.has(key));
        reject(
          new Error(`${late.length} of ${keys.length} pods are not ${this.#what} after ${limitMs} ms, as ${late[0]}`),
        );
      }, limitMs);
      const done = (error?: Error): void => {
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      };
      const waiter: Waiter = { missing: missing.length, done };
      for (const key of missing) {
        const others = this.#waiters.get(key);
        if (others === undefined) this.#waiters.set(key, [waiter]);
        else others.push(waiter);
      }
    });
  }
}

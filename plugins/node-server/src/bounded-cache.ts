import type { Clock } from '@timonel/sdk';

/** Values that hold for a while. Of more than the bound the oldest go. */
export class BoundedCache<T> {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #limit: number;
  readonly #values = new Map<string, { readonly value: T; readonly until: number }>();

  constructor(clock: Pick<Clock, 'now'>, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  get(key: string): { readonly value: T } | undefined {
    const found = this.#values.get(key);
    if (found === undefined || found.until > this.#clock.now()) return found;
    this.#values.delete(key);
    return undefined;
  }

  set(key: string, value: T, ms: number): void {
    this.#values.delete(key);
    this.#values.set(key, { value, until: this.#clock.now() + ms });
    const [oldest] = this.#values.keys();
    if (this.#values.size > this.#limit && oldest !== undefined) this.#values.delete(oldest);
  }
}

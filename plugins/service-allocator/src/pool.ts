/**
 * Values that each belong to one service: in use as the cluster's services say, or reserved by a request that may still be
 * on its way into the store. A reservation ends when the service shows up with the value, or after a while.
 */
import type { Env } from '@timonel/sdk';

export interface PoolRange<V> {
  readonly size: number;
  at(index: number): V;
}

interface Reservation {
  readonly owner: string;
  readonly untilMs: number;
}

const reservationMs = 30_000;
const blockMs = 10_000;
/** No service has this name. */
const elsewhere = '';

export class Pool<V> {
  readonly #env: Env;
  readonly #range: PoolRange<V>;
  readonly #used = new Map<V, Set<string>>();
  readonly #reserved = new Map<V, Reservation>();

  constructor(env: Env, range: PoolRange<V>) {
    this.#env = env;
    this.#range = range;
  }

  use(value: V, owner: string): void {
    const owners = this.#used.get(value) ?? new Set<string>();
    this.#used.set(value, owners.add(owner));
    if (this.#reserved.get(value)?.owner === owner) this.#reserved.delete(value);
  }

  release(value: V, owner: string): void {
    const owners = this.#used.get(value);
    owners?.delete(owner);
    if (owners?.size === 0) this.#used.delete(value);
  }

  isFreeFor(value: V, owner: string): boolean {
    const owners = this.#used.get(value);
    if (owners !== undefined && (owners.size > 1 || !owners.has(owner))) return false;
    const reservation = this.#reserved.get(value);
    if (reservation === undefined || reservation.owner === owner) return true;
    return reservation.untilMs <= this.#env.clock.monotonic();
  }

  /** False: it belongs to another. */
  reserve(value: V, owner: string): boolean {
    if (!this.isFreeFor(value, owner)) return false;
    this.#forgetOld();
    if (!this.#used.get(value)?.has(owner)) {
      this.#reserved.set(value, { owner, untilMs: this.#env.clock.monotonic() + reservationMs });
    }
    return true;
  }

  /** It turned out to belong to a request elsewhere: nobody here gets it for a while. */
  block(value: V): void {
    this.#forgetOld();
    this.#reserved.delete(value);
    this.#reserved.set(value, { owner: elsewhere, untilMs: this.#env.clock.monotonic() + blockMs });
  }

  /** Any free value but those in `skip`. Undefined: none is left. */
  pick(owner: string, skip: ReadonlySet<V>): V | undefined {
    const { size } = this.#range;
    const start = this.#env.random.int(size);
    for (let step = 0; step < size; step += 1) {
      const value = this.#range.at((start + step) % size);
      if (!skip.has(value) && this.#used.get(value) === undefined && this.isFreeFor(value, owner)) return value;
    }
    return undefined;
  }

  #forgetOld(): void {
    const now = this.#env.clock.monotonic();
    // In order of their making: the first that is still valid ends the search.
    for (const [value, { untilMs }] of this.#reserved) {
      if (untilMs > now) break;
      this.#reserved.delete(value);
    }
  }
}

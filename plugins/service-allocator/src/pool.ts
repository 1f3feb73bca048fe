/**
 * Values that each belong to one service, as the cluster's services say. What requests on their way have is known to the store
 * alone; here it is only avoided for a while, so that two requests seldom want the same.
 */
import type { Env } from '@timonel/sdk';

export interface PoolRange<V> {
  readonly size: number;
  /** So many of the first ones are picked last: people choose theirs among them. */
  readonly reserved: number;
  at(index: number): V;
}

const avoidMs = 30_000;

export class Pool<V> {
  readonly #env: Env;
  readonly #range: PoolRange<V>;
  readonly #used = new Map<V, Set<string>>();
  /** Until when, in order of their making. */
  readonly #avoided = new Map<V, number>();

  constructor(env: Env, range: PoolRange<V>) {
    this.#env = env;
    this.#range = range;
  }

  use(value: V, owner: string): void {
    const owners = this.#used.get(value) ?? new Set<string>();
    this.#used.set(value, owners.add(owner));
    this.#avoided.delete(value);
  }

  release(value: V, owner: string): void {
    const owners = this.#used.get(value);
    owners?.delete(owner);
    if (owners?.size === 0) this.#used.delete(value);
  }

  isFreeFor(value: V, owner: string): boolean {
    const owners = this.#used.get(value);
    return owners === undefined || (owners.size === 1 && owners.has(owner));
  }

  isFree(value: V): boolean {
    this.#forgetOld();
    return !this.#used.has(value) && !this.#avoided.has(value);
  }

  /** Somebody has it, or is about to: it is not picked for a while. */
  avoid(value: V): void {
    this.#forgetOld();
    if (this.#used.has(value)) return;
    this.#avoided.delete(value);
    this.#avoided.set(value, this.#env.clock.monotonic() + avoidMs);
  }

  /** Any free value but those in `skip`. Undefined: none is left. */
  pick(skip: ReadonlySet<V>): V | undefined {
    this.#forgetOld();
    const { size, reserved } = this.#range;
    return this.#pickAmong(reserved, size - reserved, skip) ?? this.#pickAmong(0, reserved, skip);
  }

  #pickAmong(first: number, count: number, skip: ReadonlySet<V>): V | undefined {
    if (count <= 0) return undefined;
    const start = this.#env.random.int(count);
    for (let step = 0; step < count; step += 1) {
      const value = this.#range.at(first + ((start + step) % count));
      if (!skip.has(value) && !this.#used.has(value) && !this.#avoided.has(value)) return value;
    }
    return undefined;
  }

  #forgetOld(): void {
    const now = this.#env.clock.monotonic();
    for (const [value, untilMs] of this.#avoided) {
      if (untilMs > now) break;
      this.#avoided.delete(value);
    }
  }
}

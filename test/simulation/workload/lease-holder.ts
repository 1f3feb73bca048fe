import type { SimRandom } from '../parts/random.ts';
import type { Scheduler } from '../parts/scheduler.ts';
import type { Client } from './client.ts';

export interface LeaseHolderOptions {
  readonly keys: readonly string[];
  readonly ttlMs: number;
}

/** Takes a lease, hangs keys on it, keeps it alive for a while, and then gives it up: now and then without a word. */
export class LeaseHolder {
  readonly #client: Client;
  readonly #options: LeaseHolderOptions;
  readonly #scheduler: Scheduler;
  readonly #random: SimRandom;
  #values = 0;
  #stopped = false;

  constructor(client: Client, options: LeaseHolderOptions, scheduler: Scheduler, random: SimRandom) {
    this.#client = client;
    this.#options = options;
    this.#scheduler = scheduler;
    this.#random = random;
  }

  start(): void {
    this.#later(10, () => this.#take());
  }

  stop(): void {
    this.#stopped = true;
  }

  #take(): void {
    if (this.#stopped) return;
    this.#client.perform({ type: 'grant', ttlMs: this.#options.ttlMs }, (granted) => {
      // One that was granted without an answer runs out by itself.
      if (granted?.lease === undefined) return this.#later(20, () => this.#take());
      const rounds = this.#random.int(12);
      this.#hang(granted.lease, () => this.#keep(granted.lease as number, rounds));
    });
  }

  #hang(lease: number, then: () => void): void {
    const keys = this.#random
      .shuffle(this.#options.keys)
      .slice(0, 1 + this.#random.int(2))
      .toSorted();
    const value = `${this.#client.options.name}:${++this.#values}`;
    this.#client.perform({ type: 'put', keys, value, lease }, then);
  }

  #keep(leaseId: number, rounds: number): void {
    this.#later(this.#options.ttlMs / 3, () => {
      if (rounds === 0) return this.#giveUp(leaseId);
      this.#client.perform({ type: 'keepAlive', leaseId }, (kept) => {
        if (kept?.lease === 0) return this.#take();
        if (this.#random.chance(0.2)) this.#hang(leaseId, () => this.#keep(leaseId, rounds - 1));
        else this.#keep(leaseId, rounds - 1);
      });
    });
  }

  #giveUp(leaseId: number): void {
    if (this.#random.chance(0.5)) this.#take();
    else this.#client.perform({ type: 'revoke', leaseId }, () => this.#take());
  }

  #later(delayMs: number, run: () => void): void {
    this.#scheduler.after(delayMs * this.#random.between(0.8, 1.2), () => {
      if (!this.#stopped) run();
    });
  }
}

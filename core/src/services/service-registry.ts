import type { Many, OptionalRef, ServiceToken } from '@timonel/sdk';
import { getOrCreate } from '../collections/get-or-create.ts';
import { ManySet } from './many-set.ts';
import { Slot, type Binding, type MethodStats, type SlotSurroundings } from './slot.ts';

/** Figures of one method of one service. */
export interface ServiceCallInfo extends Readonly<MethodStats> {
  readonly service: string;
  readonly method: string;
}

/** All services of the kernel: a slot for each `one` service, a set of slots for each `many` service. */
export class ServiceRegistry {
  private readonly slots = new Map<string, Slot>();
  private readonly sets = new Map<string, ManySet>();
  private readonly surroundings: SlotSurroundings;

  constructor(surroundings: SlotSurroundings) {
    this.surroundings = surroundings;
  }

  slot(token: ServiceToken): Slot {
    return getOrCreate(this.slots, token.id, () => new Slot(token, this.surroundings));
  }

  /** A slot that only who asked for it has. */
  apart(token: ServiceToken): Slot {
    return new Slot(token, this.surroundings);
  }

  bind(plugin: string, token: ServiceToken, service: unknown): void {
    if (token.cardinality === 'many') this.set(token).add(plugin, service);
    else this.slot(token).bind(plugin, service);
  }

  /** Takes `plugin` out of a service. Its calls in flight may end; give the result to `abandonCalls` when it is gone. */
  unbind(plugin: string, token: ServiceToken): Binding | undefined {
    return token.cardinality === 'many' ? this.set(token).remove(plugin) : this.slot(token).unbind(plugin);
  }

  /** What a consumer gets for a required token. */
  required(token: ServiceToken, consumer: string): object {
    return token.cardinality === 'many' ? this.set(token).viewFor(consumer) : this.slot(token).facadeFor(consumer);
  }

  /** What a consumer gets for an optional token. */
  optional(token: ServiceToken, consumer: string): Many<unknown> | OptionalRef<unknown> {
    if (token.cardinality === 'many') return this.set(token).viewFor(consumer);
    const slot = this.slot(token);
    return Object.freeze({
      get current() {
        return slot.binding === undefined ? undefined : slot.facadeFor(consumer);
      },
      onChange: (listener: () => void) => slot.listeners.add(consumer, listener),
    });
  }

  providerOf(serviceId: string): string | undefined {
    return this.slots.get(serviceId)?.binding?.plugin;
  }

  /** Forgets the listeners and facades of a consumer that is gone. */
  release(consumer: string): void {
    for (const slot of this.slots.values()) slot.release(consumer);
    for (const set of this.sets.values()) set.release(consumer);
  }

  callInfo(): ServiceCallInfo[] {
    const all = [...this.slots.values(), ...[...this.sets.values()].flatMap((set) => set.slots())];
    return all.flatMap((slot) =>
      [...slot.stats].map(([method, stats]) => ({ service: slot.token.id, method: String(method), ...stats })),
    );
  }

  private set(token: ServiceToken): ManySet {
    return getOrCreate(this.sets, token.id, () => new ManySet(token, this.surroundings));
  }
}

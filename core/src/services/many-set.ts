import type { Many, Provider, ServiceToken } from '@timonel/sdk';
import { getOrCreate } from '../collections/get-or-create.ts';
import { Listeners } from './listeners.ts';
import { Slot, type Binding, type SlotSurroundings } from './slot.ts';

/** The providers of a `many` service, each in a slot of its own, in order of registration. */
export class ManySet {
  private readonly token: ServiceToken;
  private readonly surroundings: SlotSurroundings;
  private readonly providers = new Map<string, Slot>();
  private readonly views = new Map<string, Many<unknown>>();
  /** By consumer; forgotten with every change. */
  private readonly lists = new Map<string, readonly Provider<unknown>[]>();
  private readonly listeners: Listeners;

  constructor(token: ServiceToken, surroundings: SlotSurroundings) {
    this.token = token;
    this.surroundings = surroundings;
    this.listeners = new Listeners(surroundings.tell);
  }

  add(plugin: string, service: unknown): void {
    const slot = new Slot(this.token, this.surroundings);
    slot.bind(plugin, service);
    this.providers.set(plugin, slot);
    this.changed();
  }

  remove(plugin: string): Binding | undefined {
    const slot = this.providers.get(plugin);
    if (slot === undefined) return undefined;
    this.providers.delete(plugin);
    const binding = slot.unbind(plugin);
    this.changed();
    return binding;
  }

  slots(): Slot[] {
    return [...this.providers.values()];
  }

  viewFor(consumer: string): Many<unknown> {
    return getOrCreate(this.views, consumer, () =>
      Object.freeze({
        all: () => getOrCreate(this.lists, consumer, () => this.listFor(consumer)),
        onChange: (listener: () => void) => this.listeners.add(consumer, listener),
      }),
    );
  }

  release(consumer: string): void {
    this.views.delete(consumer);
    this.lists.delete(consumer);
    this.listeners.release(consumer);
    for (const slot of this.providers.values()) slot.release(consumer);
  }

  private listFor(consumer: string): readonly Provider<unknown>[] {
    const providers = [...this.providers].map(([plugin, slot]) => ({
      plugin,
      service: slot.facadeFor(consumer),
      ...(this.surroundings.isFromFile(plugin) ? { fromFile: true as const } : {}),
    }));
    return Object.freeze(providers);
  }

  private changed(): void {
    this.lists.clear();
    this.listeners.changed();
  }
}

import { KernelError, type Clock, type ServiceToken } from '@timonel/sdk';
import { getOrCreate } from '../collections/get-or-create.ts';
import type { Busy } from '../lifecycle/drained.ts';
import type { Activity } from '../supervision/activity.ts';
import { createFacade, type Callable } from './facade.ts';
import { Listeners, type Tell } from './listeners.ts';

/** What every slot needs from the kernel. */
export interface SlotSurroundings {
  readonly clock: Clock;
  readonly activity: Activity;
  /** Calls held back during a swap, at most. */
  readonly heldCallsLimit: number;
  readonly tell: Tell;
  /** Whether a plugin came from a file. */
  readonly isFromFile: (plugin: string) => boolean;
}

/** One provider in one slot. */
export interface Binding extends Busy {
  readonly plugin: string;
  readonly service: Readonly<Record<PropertyKey, unknown>>;
  /** Fails a call that waits for this provider; one for each. */
  readonly pending: Set<() => void>;
}

/** Figures of one method of a slot. */
export interface MethodStats {
  calls: number;
  errors: number;
  totalMs: number;
}

/**
 * The place of one service. Consumers hold facades of the slot and never the instance, so that the provider can be
 * replaced: a slot pauses (holds new asynchronous calls back), drains (waits for those in flight), switches, resumes.
 */
export class Slot {
  readonly token: ServiceToken;
  readonly surroundings: SlotSurroundings;
  binding: Binding | undefined;
  paused = false;
  readonly stats: Map<PropertyKey, MethodStats> = new Map();
  private changedInPause = false;
  private readonly held: (() => void)[] = [];
  private readonly facades = new Map<string, object>();
  readonly listeners: Listeners;

  constructor(token: ServiceToken, surroundings: SlotSurroundings) {
    this.token = token;
    this.surroundings = surroundings;
    this.listeners = new Listeners(surroundings.tell);
  }

  /** The stable object that `consumer` calls. */
  facadeFor(consumer: string): object {
    return getOrCreate(this.facades, consumer, () => createFacade(this, consumer));
  }

  /** Puts a provider in; calls that are in flight stay with theirs. */
  bind(plugin: string, service: unknown): void {
    this.binding = {
      plugin,
      service: service as Readonly<Record<PropertyKey, unknown>>,
      pending: new Set(),
      onIdle: undefined,
    };
    this.changed();
  }

  /** Takes the provider out when it is (still) `plugin`; calls in flight may end. */
  unbind(plugin: string): Binding | undefined {
    const { binding } = this;
    if (binding?.plugin !== plugin) return undefined;
    this.binding = undefined;
    this.changed();
    return binding;
  }

  pause(): void {
    this.paused = true;
  }

  /** Hands the held calls, in their order, to whoever is bound now. Returns their number. */
  resume(): number {
    this.paused = false;
    if (this.changedInPause) this.changed();
    const calls = this.held.splice(0);
    for (const call of calls) call();
    return calls.length;
  }

  /** Keeps a call until `resume`. At the limit it is refused. */
  hold(key: PropertyKey, call: Callable, args: unknown[]): Promise<unknown> {
    if (this.held.length >= this.surroundings.heldCallsLimit) {
      const message = `service '${this.token.id}' is being swapped and ${this.held.length} calls wait already; '${String(key)}' was refused`;
      return Promise.reject(new KernelError('ERR_SERVICE_UNAVAILABLE', message, { retryable: true }));
    }
    const { within = (fn) => fn() } = this.surroundings.activity;
    return new Promise((resolve, reject) => {
      this.held.push(() => {
        try {
          Promise.resolve(within(() => call(...args))).then(resolve, reject);
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  statsOf(key: PropertyKey): MethodStats {
    return getOrCreate(this.stats, key, () => ({ calls: 0, errors: 0, totalMs: 0 }));
  }

  unavailable(): KernelError {
    const message = `service '${this.token.id}' has no provider at the moment`;
    return new KernelError('ERR_SERVICE_UNAVAILABLE', message, { retryable: true });
  }

  /** Forgets what a consumer registered. */
  release(consumer: string): void {
    this.facades.delete(consumer);
    this.listeners.release(consumer);
  }

  /** During a swap the listeners hear once, of the outcome. */
  private changed(): void {
    this.changedInPause = this.paused;
    if (!this.paused) this.listeners.changed();
  }
}

/** Fails the calls that the provider will never answer, so that no consumer waits for the dead. */
export function abandonCalls({ pending }: Binding): void {
  for (const abandon of pending) abandon();
  pending.clear();
}

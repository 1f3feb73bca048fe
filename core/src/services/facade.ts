import { KernelError } from '@timonel/sdk';
import { isThenable } from '../lifecycle/thenable.ts';
import type { Binding, MethodStats, Slot } from './slot.ts';

export type Callable = (...args: unknown[]) => unknown;

// Asked for by `await`, JSON and printers of any object; without a provider they are no methods of the service.
const notMethods: ReadonlySet<PropertyKey> = new Set(['then', 'toJSON', 'constructor', 'asymmetricMatch', 'nodeType']);

interface CallOrigin {
  readonly slot: Slot;
  readonly binding: Binding;
  readonly consumer: string;
  readonly stats: MethodStats;
}

function methodOf(slot: Slot, binding: Binding, key: PropertyKey): Callable {
  const method = binding.service[key];
  if (typeof method === 'function') return method as Callable;
  const message = `service '${slot.token.id}' as provided by plugin '${binding.plugin}' has no method '${String(key)}'`;
  throw new KernelError('ERR_PLUGIN_CONTRACT', message, { plugin: binding.plugin });
}

/** Calls the provider as its own code; a throw passes through unchanged. */
function callProvider({ slot, binding, consumer, stats }: CallOrigin, key: PropertyKey, args: unknown[]): unknown {
  const { activity, clock } = slot.surroundings;
  stats.calls++;
  const method = methodOf(slot, binding, key);
  const caller = activity.current;
  const outerConsumer = activity.consumer;
  const startedAt = clock.monotonic();
  activity.current = binding.plugin;
  activity.consumer = consumer;
  let failed = true;
  try {
    const result = Reflect.apply(method, binding.service, args);
    failed = false;
    return result;
  } finally {
    activity.consumer = outerConsumer;
    stats.totalMs += activity.leave(binding.plugin, caller, startedAt) - startedAt;
    if (failed) stats.errors++;
  }
}

function createSyncMethod(slot: Slot, consumer: string, key: PropertyKey): Callable {
  const stats = slot.statsOf(key);
  const { activity } = slot.surroundings;
  return (...args) => {
    const { binding } = slot;
    if (binding === undefined) throw slot.unavailable();
    const result = callProvider({ slot, binding, consumer, stats }, key, args);
    activity.last = consumer;
    return result;
  };
}

/** Follows a call in flight: counted for the drain, failed when its provider goes without an answer. */
function track({ slot, binding, consumer, stats }: CallOrigin, result: PromiseLike<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abandon = (): void => reject(slot.unavailable());
    const end = (): void => {
      binding.pending.delete(abandon);
      // What comes after the caller's `await` is the caller's code.
      slot.surroundings.activity.last = consumer;
      if (binding.pending.size === 0) binding.onIdle?.();
    };
    binding.pending.add(abandon);
    result.then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        stats.errors++;
        end();
        reject(error);
      },
    );
  });
}

function createAsyncMethod(slot: Slot, consumer: string, key: PropertyKey): Callable {
  const stats = slot.statsOf(key);
  const method: Callable = (...args) => {
    if (slot.paused) return slot.hold(key, method, args);
    const { binding } = slot;
    if (binding === undefined) return Promise.reject(slot.unavailable());
    const origin = { slot, binding, consumer, stats };
    const result = callProvider(origin, key, args);
    return isThenable(result) ? track(origin, result) : result;
  };
  return method;
}

/** A stable stand-in for whatever provider the slot has: methods are wrapped once, other properties are read through. */
export function createFacade(slot: Slot, consumer: string): object {
  const methods = new Map<PropertyKey, Callable>();
  const sync = new Set<PropertyKey>(slot.token.sync);
  const get = (_target: object, key: PropertyKey): unknown => {
    const { binding } = slot;
    if (binding === undefined) {
      if (typeof key === 'symbol' || notMethods.has(key)) return undefined;
    } else {
      const value = binding.service[key];
      if (typeof value !== 'function' || key === 'constructor') return value;
    }
    let method = methods.get(key);
    if (method === undefined) {
      const isSync = sync.has(key) || typeof key === 'symbol';
      method = isSync ? createSyncMethod(slot, consumer, key) : createAsyncMethod(slot, consumer, key);
      methods.set(key, method);
    }
    return method;
  };
  return new Proxy(Object.create(null) as object, {
    get,
    has: (_target, key) => slot.binding !== undefined && key in slot.binding.service,
    set: () => false,
    defineProperty: () => false,
    deleteProperty: () => false,
  });
}

import { beforeEach, describe, expect, it } from '@jest/globals';
import { defineService, DeadlineWatch, type Many, type OptionalRef } from '@timonel/sdk';
import { createSimulatedEnv, type SimulatedEnv } from '../env/index.ts';
import { drained } from '../lifecycle/drained.ts';
import { Activity } from '../supervision/activity.ts';
import { ServiceRegistry } from './service-registry.ts';
import { abandonCalls } from './slot.ts';

interface Store {
  readonly size: number;
  peek(): string;
  get(key: string): Promise<string>;
}
const store = defineService<Store>('test.store', { major: 1, cardinality: 'one', sync: ['peek'] });
const parts = defineService<Store, 'many'>('test.parts', { major: 1, cardinality: 'many', sync: ['peek'] });

class MemoryStore implements Store {
  readonly size = 3;
  #name: string;
  constructor(name: string) {
    this.#name = name;
  }
  peek(): string {
    return this.#name;
  }
  get(key: string): Promise<string> {
    return Promise.resolve(`${this.#name}:${key}`);
  }
}

let env: SimulatedEnv;
let activity: Activity;
let deadlines: DeadlineWatch;
let services: ServiceRegistry;

beforeEach(() => {
  env = createSimulatedEnv({ seed: 1 });
  activity = new Activity(env.clock, 0, () => undefined);
  deadlines = new DeadlineWatch(env.clock, env.timers);
  services = new ServiceRegistry({
    clock: env.clock,
    activity,
    heldCallsLimit: 2,
    isFromFile: () => false,
    tell: (_consumer, listener) => listener(),
  });
});

describe('a slot', () => {
  it('calls the provider as itself, passes values and throws through unchanged', async () => {
    const facade = services.required(store, 'user') as Store;
    services.bind('a', store, new MemoryStore('a'));
    expect(facade.peek()).toBe('a');
    expect(await facade.get('k')).toBe('a:k');
    expect(facade.size).toBe(3);
    expect('peek' in facade).toBe(true);
    expect(Reflect.get(facade, 'get')).toBe(Reflect.get(facade, 'get'));
    expect(await Promise.resolve(facade)).toBe(facade);
    const error = new Error('expected');
    services.bind('b', store, {
      peek: () => {
        throw error;
      },
      get: () => Promise.reject(error),
    });
    expect(() => facade.peek()).toThrow(error);
    await expect(facade.get('k')).rejects.toBe(error);
    expect(services.callInfo()).toEqual([
      { service: 'test.store', method: 'peek', calls: 2, errors: 1, totalMs: 0 },
      { service: 'test.store', method: 'get', calls: 2, errors: 1, totalMs: 0 },
    ]);
  });

  it('answers ERR_SERVICE_UNAVAILABLE without a provider', async () => {
    const facade = services.required(store, 'user') as Store;
    await expect(facade.get('k')).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE', retryable: true });
    expect(() => facade.peek()).toThrow(expect.objectContaining({ code: 'ERR_SERVICE_UNAVAILABLE' }));
    expect(await Promise.resolve(facade)).toBe(facade);
  });

  it('holds asynchronous calls in a pause, in order and up to the limit; synchronous ones go on', async () => {
    const slot = services.slot(store);
    const facade = services.required(store, 'user') as Store;
    services.bind('a', store, new MemoryStore('a'));
    slot.pause();
    const held = [facade.get('1'), facade.get('2')];
    await expect(facade.get('3')).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
    expect(facade.peek()).toBe('a');
    services.bind('b', store, new MemoryStore('b'));
    expect(slot.resume()).toBe(2);
    expect(await Promise.all(held)).toEqual(['b:1', 'b:2']);
  });

  it('drains what is in flight, or gives up at the deadline and fails what is left', async () => {
    const facade = services.required(store, 'user') as Store;
    services.bind('a', store, { get: (key: string) => env.timers.sleep(Number(key)).then(() => key) });
    const quick = facade.get('50');
    const slow = facade.get('5000');
    slow.catch(() => undefined);
    const binding = services.unbind('a', store);
    if (binding === undefined) throw new Error('not bound');
    expect(binding.pending.size).toBe(2);
    const first = drained(binding, 100, deadlines);
    await env.advance(100);
    expect(await first).toBe(false);
    expect(await quick).toBe('50');
    abandonCalls(binding);
    expect(binding.pending.size).toBe(0);
    await expect(slow).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
    expect(await drained(binding, 100, deadlines)).toBe(true);
  });

  it('resolves a drain as soon as the last call ends', async () => {
    const facade = services.required(store, 'user') as Store;
    services.bind('a', store, { get: (key: string) => env.timers.sleep(Number(key)).then(() => key) });
    const call = facade.get('50');
    const { binding } = services.slot(store);
    if (binding === undefined) throw new Error('not bound');
    const draining = drained(binding, 1000, deadlines);
    await env.advance(50);
    expect(await draining).toBe(true);
    expect(env.clock.monotonic()).toBe(50);
    expect(await call).toBe('50');
  });

  it('tells optional consumers when a provider comes and goes, until they are gone', () => {
    const ref = services.optional(store, 'user') as OptionalRef<Store>;
    const seen: (string | undefined)[] = [];
    ref.onChange(() => seen.push(ref.current?.peek()));
    expect(ref.current).toBeUndefined();
    services.bind('a', store, new MemoryStore('a'));
    services.unbind('a', store);
    services.release('user');
    services.bind('b', store, new MemoryStore('b'));
    expect(seen).toEqual(['a', undefined]);
  });

  it('gives the current providers of a many service', async () => {
    const view = services.required(parts, 'user') as Many<Store>;
    let changes = 0;
    view.onChange(() => changes++);
    expect(view.all()).toEqual([]);
    services.bind('a', parts, new MemoryStore('a'));
    services.bind('b', parts, new MemoryStore('b'));
    expect(view.all()).toBe(view.all());
    expect(view.all().map(({ plugin, service }) => [plugin, service.peek()])).toEqual([
      ['a', 'a'],
      ['b', 'b'],
    ]);
    const gone = view.all()[0]?.service;
    services.unbind('a', parts);
    expect(view.all()).toHaveLength(1);
    await expect(gone?.get('k')).rejects.toMatchObject({ code: 'ERR_SERVICE_UNAVAILABLE' });
    expect(changes).toBe(3);
  });

  it('marks the provider as active during its code, and the consumer after it', async () => {
    const facade = services.required(store, 'user') as Store;
    const seen: unknown[] = [];
    services.bind('a', store, { peek: () => seen.push(activity.current), get: () => Promise.resolve('x') });
    facade.peek();
    await facade.get('k');
    expect(seen).toEqual(['a']);
    expect(activity.current).toBeUndefined();
    expect(activity.last).toBe('user');
  });
});

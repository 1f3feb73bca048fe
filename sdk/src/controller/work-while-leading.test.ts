import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core';
import type { ApiClient, WatchEvent } from '../contracts/api/index.ts';
import type { Leadership } from '../contracts/leadership/index.ts';
import type { OptionalRef } from '../kernel/index.ts';
import { ApiError, configMaps, objectKey, type ConfigMap } from '../kube/index.ts';
import { keysFrom, runController, type RunningController } from './controller.ts';
import type { ControllerHost } from './host.ts';
import { informers } from './informers.ts';

/** A leadership that the test hands out, through a reference whose provider comes and goes. */
class Throne {
  #leading = false;
  readonly #listeners = new Set<(leading: boolean) => void>();
  readonly #refListeners: (() => void)[] = [];
  #provided: Leadership | undefined;
  readonly ref: OptionalRef<Leadership>;

  constructor() {
    const current = (): Leadership | undefined => this.#provided;
    this.ref = {
      get current() {
        return current();
      },
      onChange: (listener) => void this.#refListeners.push(listener),
    };
    this.provide(true);
  }

  set(leading: boolean): void {
    this.#leading = leading;
    for (const listener of this.#listeners) listener(leading);
  }

  provide(provided: boolean): void {
    this.#provided = provided
      ? {
          leading: () => this.#leading,
          onChange: (listener) => {
            this.#listeners.add(listener);
            return () => this.#listeners.delete(listener);
          },
          status: () => ({ identity: 'a', holder: undefined, leading: this.#leading, transitions: 0 }),
        }
      : undefined;
    for (const listener of this.#refListeners) listener();
  }

  get subscribers(): number {
    return this.#listeners.size;
  }
}

/** Objects whose watch stands still: only a list shows what is new. */
class FrozenApi {
  readonly objects = new Map<string, ConfigMap>();
  lists = 0;
  away = false;

  client(): ApiClient {
    const list = () => {
      this.lists += 1;
      if (this.away) return Promise.reject(new ApiError('ServiceUnavailable', 'away'));
      return Promise.resolve({
        metadata: { resourceVersion: String(10 + this.objects.size) },
        items: [...this.objects.values()],
      });
    };
    return {
      list,
      watch: (_: unknown, { signal }: { signal: AbortSignal }) => this.#watch(signal),
    } as unknown as ApiClient;
  }

  put(name: string): void {
    const metadata = { namespace: 'default', name, uid: name, resourceVersion: String(11 + this.objects.size) };
    this.objects.set(name, { metadata });
  }

  async *#watch(signal: AbortSignal): AsyncIterable<WatchEvent<ConfigMap>> {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    yield* [];
  }
}

interface Bench {
  readonly env: SimulatedEnv;
  readonly api: FrozenApi;
  readonly throne: Throne;
  readonly running: RunningController;
  readonly seen: string[];
}

function bench(reconcile: (key: string) => Promise<void> = () => Promise.resolve(), leads = false): Bench {
  const env = createSimulatedEnv({ seed: 5 });
  const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
  const signal = new AbortController().signal;
  const host: ControllerHost = { name: 'test', env, log: silent, signal, reportFault: () => undefined };
  const api = new FrozenApi();
  const throne = new Throne();
  throne.set(leads);
  const set = informers(host, api.client());
  const sources = [keysFrom(set.for(configMaps), (object: ConfigMap) => [objectKey(object)])];
  const seen: string[] = [];
  const running = runController({
    ctx: host,
    name: 'test',
    informers: set,
    sources,
    leadership: throne.ref,
    reconcile: async (key) => {
      seen.push(key);
      await reconcile(key);
    },
    workers: 1,
  });
  running.start();
  return { env, api, throne, running, seen };
}

describe('a controller with an elected leader', () => {
  it('stands by with warm caches, and lists anew before it works', async () => {
    const { env, api, throne, running, seen } = bench();
    api.put('a');
    await env.advance(60_000);
    expect(seen).toEqual([]);
    expect(running.provides.controller.status()).toMatchObject({ synced: true, leading: false, queued: 0 });
    const before = api.lists;
    // What the leader before wrote last has not reached the cache.
    api.put('b');
    throne.set(true);
    await env.settle();
    expect(seen).toEqual(['default/a', 'default/b']);
    expect(api.lists).toBe(before + 1);
    expect(running.provides.controller.status().leading).toBe(true);
    await running.stop();
    expect([env.pendingTimers, throne.subscribers]).toEqual([0, 0]);
  });

  it('lists once when it leads from the start', async () => {
    const { env, api, running, seen } = bench(undefined, true);
    await env.settle();
    expect([seen, api.lists]).toEqual([[], 1]);
    api.put('a');
    running.queue.add('default/a');
    await env.settle();
    expect(seen).toEqual(['default/a']);
    await running.stop();
  });

  it('lets a running reconcile end and begins no other when it leads no more', async () => {
    let release: (() => void) | undefined;
    const { env, api, throne, running, seen } = bench(() => new Promise((resolve) => (release = resolve)));
    for (const name of ['a', 'b', 'c']) api.put(name);
    throne.set(true);
    await env.settle();
    expect(seen).toEqual(['default/a']);
    throne.set(false);
    release?.();
    await env.advance(60_000);
    expect(seen).toEqual(['default/a']);
    expect(running.provides.controller.status()).toMatchObject({ queued: 0, processing: 0, delayed: 0 });
    throne.set(true);
    await env.settle();
    expect(seen).toEqual(['default/a', 'default/a']);
    release?.();
    await running.stop();
  });

  it('does not work by a list that came after it had lost again', async () => {
    const { env, api, throne, running, seen } = bench();
    api.put('a');
    await env.settle();
    api.away = true;
    throne.set(true);
    await env.advance(5_000);
    throne.set(false);
    api.away = false;
    await env.advance(60_000);
    expect(seen).toEqual([]);
    throne.set(true);
    await env.settle();
    expect(seen).toEqual(['default/a']);
    await running.stop();
  });

  it('works when nobody elects any more, and stops when somebody does', async () => {
    const { env, api, throne, running, seen } = bench();
    api.put('a');
    await env.settle();
    throne.provide(false);
    await env.settle();
    expect(seen).toEqual(['default/a']);
    throne.provide(true);
    running.queue.add('default/a');
    await env.settle();
    expect(seen).toEqual(['default/a']);
    await running.stop();
  });
});

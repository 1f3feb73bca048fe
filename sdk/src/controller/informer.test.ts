import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core';
import type { ApiClient, ApiWatchOptions, ListOptions, WatchEvent } from '../contracts/api/index.ts';
import { ApiError, configMaps, objectKey, type ConfigMap } from '../kube/index.ts';
import type { ControllerHost } from './host.ts';
import { byNamespace } from './indexes.ts';
import { Informer, type InformerOptions } from './informer.ts';

/** List and watch of config maps in memory, with faults to order. */
class FakeApi {
  version = 10;
  readonly objects = new Map<string, ConfigMap>();
  readonly lists: (ListOptions | undefined)[] = [];
  readonly watches: ApiWatchOptions[] = [];
  readonly listFaults: unknown[] = [];
  log: { version: number; event: WatchEvent<ConfigMap> }[] = [];
  compacted = 0;
  #wake: (() => void)[] = [];
  #cut = 0;

  put(name: string, value: string, uid: string = `uid-${name}`): ConfigMap {
    this.version += 1;
    const metadata = { namespace: 'default', name, uid, resourceVersion: String(this.version) };
    const object: ConfigMap = { metadata, data: { value } };
    const type = this.objects.has(name) ? 'MODIFIED' : 'ADDED';
    this.objects.set(name, object);
    this.#emit({ type, object });
    return object;
  }

  remove(name: string): void {
    const object = this.objects.get(name);
    if (object === undefined) return;
    this.objects.delete(name);
    this.version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.version) };
    this.#emit({ type: 'DELETED', object: { ...object, metadata } });
  }

  bookmark(): void {
    this.version += 1;
    this.#emit({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(this.version) } } });
  }

  /** Ends all watches as a server does in the normal course. */
  cutWatches(): void {
    this.#cut += 1;
    for (const wake of this.#wake.splice(0)) wake();
  }

  compact(): void {
    this.compacted = this.version;
    this.log = [];
  }

  client(): ApiClient {
    return {
      list: (_: unknown, options?: ListOptions) => this.#list(options),
      watch: (_: unknown, options: ApiWatchOptions) => this.#watch(options),
    } as unknown as ApiClient;
  }

  #emit(event: WatchEvent<ConfigMap>): void {
    this.log.push({ version: this.version, event });
    for (const wake of this.#wake.splice(0)) wake();
  }

  async #list(options: ListOptions = {}): Promise<unknown> {
    this.lists.push(options);
    const fault = this.listFaults.shift();
    if (fault !== undefined) throw fault;
    const all = [...this.objects.values()];
    const from = Number(options.continue ?? 0);
    const to = Math.min(all.length, from + (options.limit ?? all.length));
    const metadata = { resourceVersion: String(this.version), ...(to < all.length ? { continue: String(to) } : {}) };
    return { metadata, items: all.slice(from, to) };
  }

  async *#watch(options: ApiWatchOptions): AsyncIterable<WatchEvent<ConfigMap>> {
    this.watches.push(options);
    let seen = Number(options.resourceVersion);
    const cut = this.#cut;
    options.signal?.addEventListener('abort', () => this.#wake.splice(0).forEach((wake) => wake()));
    while (options.signal?.aborted !== true && cut === this.#cut) {
      if (seen < this.compacted) throw new ApiError('Expired', 'too old resource version');
      const next = this.log.find((entry) => entry.version > seen);
      if (next === undefined) await new Promise<void>((resolve) => this.#wake.push(resolve));
      else {
        seen = next.version;
        yield next.event;
      }
    }
  }
}

interface Bench {
  readonly api: FakeApi;
  readonly env: SimulatedEnv;
  readonly informer: Informer<ConfigMap>;
  readonly seen: string[];
  readonly faults: unknown[];
}

function bench(options: InformerOptions<ConfigMap> = {}): Bench {
  const env = createSimulatedEnv({ seed: 7 });
  const api = new FakeApi();
  const faults: unknown[] = [];
  const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
  const host: ControllerHost = {
    name: 'test',
    env,
    log: silent,
    signal: new AbortController().signal,
    reportFault: (error) => faults.push(error),
  };
  const informer = new Informer(host, api.client(), configMaps, options);
  const seen: string[] = [];
  informer.addHandler({
    added: (object) => seen.push(`+${object.metadata.name}=${object.data?.['value']}`),
    updated: (object, old) => seen.push(`~${object.metadata.name}=${old.data?.['value']}>${object.data?.['value']}`),
    deleted: (object) => seen.push(`-${object.metadata.name}`),
  });
  return { api, env, informer, seen, faults };
}

describe('Informer', () => {
  it('lists in pages, then follows the watch from the version of the list', async () => {
    const { api, env, informer, seen } = bench({ pageLimit: 2 });
    for (const name of ['a', 'b', 'c']) api.put(name, '1');
    expect(informer.hasSynced).toBe(false);
    informer.start();
    await informer.synced;
    expect(seen).toEqual(['+a=1', '+b=1', '+c=1']);
    expect(api.lists).toHaveLength(2);
    await env.settle();
    expect(api.watches[0]).toMatchObject({ resourceVersion: '13', allowBookmarks: true });
    api.put('a', '2');
    api.remove('b');
    api.put('d', '1');
    await env.settle();
    expect(seen.slice(3)).toEqual(['~a=1>2', '-b', '+d=1']);
    expect(informer.list().map(objectKey).sort()).toEqual(['default/a', 'default/c', 'default/d']);
    expect(Object.isFrozen(informer.get('default/a')?.data)).toBe(true);
    await informer.stop();
    expect(env.pendingTimers).toBe(0);
  });

  it('resumes from the last version, which bookmarks move on, without listing again', async () => {
    const { api, env, informer, seen } = bench();
    informer.start();
    api.put('a', '1');
    await env.settle();
    api.bookmark();
    await env.settle();
    const version = String(api.version);
    api.cutWatches();
    await env.settle();
    expect(api.watches.at(-1)?.resourceVersion).toBe(version);
    api.cutWatches();
    api.put('a', '2');
    await env.advance(60_000);
    expect(api.lists).toHaveLength(1);
    expect(seen).toEqual(['+a=1', '~a=1>2']);
    await informer.stop();
  });

  it('relists after 410 and tells the differences, a replaced object as deleted and added', async () => {
    const { api, env, informer, seen } = bench();
    for (const name of ['gone', 'kept', 'changed', 'replaced']) api.put(name, '1');
    informer.start();
    await env.settle();
    seen.length = 0;
    // While no watch is open, the past is changed and compacted away.
    api.compacted = Number.MAX_SAFE_INTEGER;
    api.cutWatches();
    await env.settle();
    api.remove('gone');
    api.put('changed', '2');
    api.remove('replaced');
    api.put('replaced', '2', 'another-uid');
    api.put('new', '1');
    api.compact();
    await env.advance(60_000);
    expect(seen.sort()).toEqual(['+new=1', '+replaced=2', '-gone', '-replaced', '~changed=1>2'].sort());
    expect(informer.resourceVersion).toBe(String(api.version));
    await informer.stop();
  });

  it('backs off while the API fails, and syncs when it is back', async () => {
    const { api, env, informer } = bench();
    for (let time = 0; time < 6; time++) api.listFaults.push(new ApiError('ServiceUnavailable', 'not now'));
    informer.start();
    await env.advance(1_000);
    expect(api.lists.length).toBeLessThanOrEqual(4);
    await env.runUntil(() => informer.hasSynced, 120_000);
    expect(api.lists).toHaveLength(7);
    await informer.stop();
  });

  it('a watch that always ends at once is not reopened in a hot loop', async () => {
    const { api, env, informer } = bench();
    const inner = api.client();
    Object.assign(inner, {});
    informer.start();
    await env.settle();
    for (let time = 0; time < 200; time++) {
      api.cutWatches();
      await env.advance(10);
    }
    expect(api.watches.length).toBeLessThan(10);
    await informer.stop();
  });

  it('keeps indexes right through changes', async () => {
    const { api, env, informer } = bench({
      indexes: { namespace: byNamespace, value: (object) => object.data?.['value'] },
    });
    api.put('a', 'x');
    api.put('b', 'x');
    informer.start();
    await env.settle();
    expect(informer.byIndex('value', 'x')).toHaveLength(2);
    api.put('a', 'y');
    api.remove('b');
    await env.settle();
    expect(informer.byIndex('value', 'x')).toHaveLength(0);
    expect(informer.byIndex('value', 'y').map(objectKey)).toEqual(['default/a']);
    expect(informer.byIndex('namespace', 'default')).toHaveLength(1);
    expect(() => informer.byIndex('typo', '')).toThrow(/no index "typo"/);
    await informer.stop();
  });

  it('resolves whenSeen when the cache has reached a version', async () => {
    const { api, env, informer } = bench();
    informer.start();
    await env.settle();
    const object = { version: String(api.version + 1), reached: false };
    void informer.whenSeen(object.version).then(() => (object.reached = true));
    await env.settle();
    expect(object.reached).toBe(false);
    api.put('a', '1');
    await env.settle();
    expect(object.reached).toBe(true);
    await informer.stop();
  });

  it('reports a throwing handler and still calls the others', async () => {
    const { api, env, informer, faults, seen } = bench();
    informer.addHandler({
      added() {
        throw new Error('broken handler');
      },
    });
    informer.addHandler({ added: () => seen.push('after') });
    informer.start();
    api.put('a', '1');
    await env.settle();
    expect(faults).toHaveLength(1);
    expect(seen).toEqual(['+a=1', 'after']);
    await informer.stop();
  });

  it('refuses more objects than its bound, reports it, and keeps its cache', async () => {
    const { api, env, informer, faults } = bench({ objectLimit: 2 });
    api.put('a', '1');
    api.put('b', '1');
    informer.start();
    await informer.synced;
    api.put('c', '1');
    await env.advance(10_000);
    expect(faults.length).toBeGreaterThan(0);
    api.remove('c');
    await env.advance(60_000);
    expect(informer.list().map(objectKey).sort()).toEqual(['default/a', 'default/b']);
    await informer.stop();
  });

  it('rejects synced when it is stopped before the first list', async () => {
    const { api, informer } = bench();
    api.listFaults.push(new ApiError('ServiceUnavailable', 'not now'));
    informer.start();
    await informer.stop();
    await expect(informer.synced).rejects.toMatchObject({ name: 'AbortError' });
  });
});

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ApiClient, ApiWatchOptions, ListOptions, ObjectName, WatchEvent } from '@timonel/sdk/contracts/api';
import { ApiError, type ConfigMap } from '@timonel/sdk/kube';
import { createRecordingLogger, manualEnv, until } from '@timonel/testkit';
import type { SourceKey } from '../checkpoint/references.ts';
import { FollowedObjects } from './followed-objects.ts';

const keyOf = (name: string): SourceKey => `configmaps/default/${name}`;

/** ConfigMaps in memory, each with its watches. */
class FakeApi {
  readonly objects = new Map<string, ConfigMap>();
  readonly watches = new Map<string, Set<(event: WatchEvent<ConfigMap>) => void>>();
  isAway = false;
  #version = 0;

  put(name: string, more: Partial<ConfigMap> = {}): void {
    this.#version += 1;
    const metadata = { namespace: 'default', name, uid: name, resourceVersion: `${this.#version}` };
    const type = this.objects.has(name) ? 'MODIFIED' : 'ADDED';
    const object = { metadata, ...more };
    this.objects.set(name, object);
    for (const tell of this.watches.get(name) ?? []) tell({ type, object });
  }

  remove(name: string): void {
    const object = this.objects.get(name);
    this.objects.delete(name);
    if (object !== undefined) for (const tell of this.watches.get(name) ?? []) tell({ type: 'DELETED', object });
  }

  client(): ApiClient {
    return {
      get: async (_type: unknown, { name }: ObjectName) => {
        const object = this.objects.get(name);
        if (this.isAway) throw new ApiError('ServiceUnavailable', 'away');
        if (object === undefined) throw new ApiError('NotFound', 'gone');
        return object;
      },
      list: async (_type: unknown, options: ListOptions) => {
        const object = this.objects.get(nameIn(options));
        return { metadata: { resourceVersion: `${this.#version}` }, items: object === undefined ? [] : [object] };
      },
      watch: (_type: unknown, options: ApiWatchOptions) => this.#watch(options),
    } as unknown as ApiClient;
  }

  async *#watch(options: ApiWatchOptions): AsyncIterable<WatchEvent<ConfigMap>> {
    const name = nameIn(options);
    const waiting: WatchEvent<ConfigMap>[] = [];
    let wake = (): void => undefined;
    const tell = (event: WatchEvent<ConfigMap>): void => {
      waiting.push(event);
      wake();
    };
    const all = this.watches.get(name) ?? new Set();
    this.watches.set(name, all.add(tell));
    options.signal?.addEventListener('abort', () => wake());
    while (options.signal?.aborted !== true) {
      const event = waiting.shift();
      if (event !== undefined) yield event;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    all.delete(tell);
  }
}

function nameIn({ fieldSelector = '' }: { readonly fieldSelector?: string }): string {
  return fieldSelector.replace('metadata.name=', '');
}

let api: FakeApi;
let seen: string[];
let objects: FollowedObjects;
const env = manualEnv();

beforeEach(() => {
  api = new FakeApi();
  seen = [];
  const signal = new AbortController().signal;
  const host = { name: 'x', env, log: createRecordingLogger(), signal, reportFault: () => undefined };
  objects = new FollowedObjects({
    host,
    api: api.client(),
    watchLimit: 2,
    changed: (key, version) => void seen.push(`${key.split('/')[2]} ${version}`),
  });
});
afterEach(() => objects.close());

const watched = (name: string): number => api.watches.get(name)?.size ?? 0;
const untilWatched = (name: string, count = 1) =>
  until(() => watched(name) === count, { what: `${count} watches of ${name}`, intervalMs: 1 });
const untilSeen = (...expected: string[]) =>
  until(() => seen.join() === expected.join(), {
    what: expected.join(),
    intervalMs: 1,
  });

describe('objects that volumes are made of', () => {
  it('are watched while somebody follows them: made, changed, gone', async () => {
    objects.follow(keyOf('a'));
    await untilWatched('a');
    await untilSeen('a undefined');
    api.put('a');
    api.put('a');
    api.remove('a');
    await untilSeen('a undefined', 'a 1', 'a 2', 'a undefined');
  });

  it('are watched once, until the last of those who follow them lets go', async () => {
    objects.follow(keyOf('a'));
    objects.follow(keyOf('a'));
    await untilWatched('a');
    objects.release(keyOf('a'));
    api.put('a');
    await untilSeen('a undefined', 'a 1');
    objects.release(keyOf('a'));
    await untilWatched('a', 0);
  });

  it('are told to those who follow them later, as they may have read an older one', async () => {
    api.put('a');
    objects.follow(keyOf('a'));
    await untilSeen('a 1');
    api.put('a');
    await untilSeen('a 1', 'a 2');
    objects.follow(keyOf('a'));
    await untilSeen('a 1', 'a 2', 'a 2');
  });

  it('are not watched any more when they are immutable', async () => {
    api.put('a', { immutable: true });
    objects.follow(keyOf('a'));
    await untilSeen('a 1');
    await untilWatched('a', 0);
    objects.release(keyOf('a'));
  });

  it('are looked at from time to time beyond the bound of watches', async () => {
    for (const name of ['a', 'b', 'more']) objects.follow(keyOf(name));
    await untilWatched('b');
    expect(watched('more')).toBe(0);
    api.put('more');
    seen.length = 0;
    await env.advance(10_000);
    await untilSeen('more 1');
    api.remove('more');
    await env.advance(10_000);
    await untilSeen('more 1', 'more undefined');
    api.isAway = true;
    await env.advance(10_000);
    objects.release(keyOf('more'));
    api.isAway = false;
    await env.advance(10_000);
    await untilSeen('more 1', 'more undefined');
  });
});

import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '@timonel/sdk/kube';
import { encodeObject } from '../kinds/object-codec.ts';
import { eventLine, type CacheEvent, type EventType } from './cache-event.ts';
import { ResourceCache } from './resource-cache.ts';
import type { Selection } from './selection.ts';
import { StoredObject } from './stored-object.ts';
import { Watcher } from './watcher.ts';

const prefix = '/registry/core/configmaps/';

function stored(name: string, revision: number, namespace = 'default'): StoredObject {
  const object: KubeObject = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, namespace } };
  return new StoredObject(`${prefix}${namespace}/${name}`, revision, encodeObject(object));
}

function event(type: EventType, name: string, revision: number): CacheEvent {
  return { type, revision, stored: stored(name, revision), previous: type === 'ADDED' ? undefined : stored(name, 1) };
}

const all: Selection = { namespace: undefined, name: undefined, matches: undefined };

describe('StoredObject', () => {
  it('knows the length of its bytes, whatever the revision', () => {
    for (const revision of [1, 9, 10, 99, 100, 12_345, 999_999, 1_000_000, 2 ** 53 - 1]) {
      const { wire, wireBytes } = stored('a', revision);
      expect(wire.length).toBe(wireBytes);
      expect(JSON.parse(wire.toString())).toMatchObject({ metadata: { resourceVersion: String(revision) } });
    }
  });

  it('puts the resourceVersion into the stored bytes', () => {
    const object = stored('a', 7);
    expect(JSON.parse(object.wire.toString())).toEqual(object.object);
    expect(object.object.metadata.resourceVersion).toBe('7');
    const empty = new StoredObject('k', 3, encodeObject({ kind: 'X', apiVersion: 'v1', metadata: {} }));
    expect(JSON.parse(empty.wire.toString())).toEqual({
      kind: 'X',
      apiVersion: 'v1',
      metadata: { resourceVersion: '3' },
    });
  });
});

describe('Watcher', () => {
  it('is ended, not fed without limit, when nobody reads', async () => {
    const watcher = new Watcher(all, { revision: 1, bookmarks: false, queueLimit: 3, queueLimitBytes: 1000 });
    for (let revision = 2; revision < 10; revision += 1) watcher.offer(event('ADDED', `n${revision}`, revision));
    expect(watcher.ended).toBe('slow');
    await expect(watcher.take()).resolves.toBeUndefined();
  });

  it('bounds the bytes that wait, but not a single object', async () => {
    const large = event('ADDED', 'large', 2);
    const bytes = large.stored.sizeBytes;
    const watcher = new Watcher(all, { revision: 1, bookmarks: false, queueLimit: 100, queueLimitBytes: bytes - 1 });
    watcher.offer(large);
    expect(await watcher.take()).toHaveLength(1);
    watcher.offer(event('ADDED', 'large', 3));
    watcher.offer(event('ADDED', 'large', 4));
    expect(watcher.ended).toBe('slow');
  });

  it('delivers several events of one revision, and nothing from before its start', async () => {
    const watcher = new Watcher(all, { revision: 5, bookmarks: true, queueLimit: 100, queueLimitBytes: 1000 });
    watcher.offer(event('ADDED', 'old', 5));
    watcher.offer(event('ADDED', 'a', 6));
    watcher.offer(event('ADDED', 'b', 6));
    watcher.bookmark(9);
    watcher.bookmark(8);
    const items = (await watcher.take()) ?? [];
    expect(items.map((item) => (item.type === 'BOOKMARK' ? item.revision : item.stored.key))).toEqual([
      `${prefix}default/a`,
      `${prefix}default/b`,
      9,
    ]);
  });
});

describe('lines of events', () => {
  const sized = (revision: number, bytes: number): CacheEvent => {
    const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a' }, data: { a: 'x'.repeat(bytes) } };
    const of = new StoredObject(`${prefix}default/a`, revision, encodeObject(object));
    return { type: 'MODIFIED', revision, stored: of, previous: stored('a', 1) };
  };

  it('are made once for all watchers that see an event as it is', async () => {
    const [one, other] = [0, 1].map(
      () => new Watcher(all, { revision: 1, bookmarks: false, queueLimit: 100, queueLimitBytes: 1e6 }),
    );
    const change = event('MODIFIED', 'a', 2);
    one?.offer(change);
    other?.offer(change);
    const [[first], [second]] = [(await one?.take()) ?? [], (await other?.take()) ?? []];
    if (first === undefined || first.type === 'BOOKMARK' || second === undefined || second.type === 'BOOKMARK')
      throw new Error('no events');
    expect(eventLine(first)).toBe(eventLine(second));
    const { object } = JSON.parse(eventLine(first).toString()) as { object: unknown };
    expect(object).toEqual(change.stored.object);
  });

  it('are not kept when nobody can share them: of what is there at the beginning, and of views', async () => {
    const shown = { type: 'ADDED', stored: stored('a', 2) } as const;
    expect(eventLine(shown)).not.toBe(eventLine(shown));
    expect(eventLine(shown)).toEqual(eventLine(shown));
    const present = (of: StoredObject): StoredObject => of.at(of.revision);
    const options = { revision: 1, bookmarks: false, queueLimit: 100, queueLimitBytes: 1e6, present };
    const watcher = new Watcher(all, options);
    watcher.offer(event('MODIFIED', 'a', 2));
    const [item] = (await watcher.take()) ?? [];
    if (item === undefined || item.type === 'BOOKMARK') throw new Error('no event');
    expect(eventLine(item)).not.toBe(eventLine(item));
  });

  it('are kept up to a size each, and all together', () => {
    const large = sized(2, 1024 * 1024);
    expect(eventLine(large)).not.toBe(eventLine(large));
    const early = sized(3, 100);
    const line = eventLine(early);
    for (let revision = 4; revision < 60; revision += 1) eventLine(sized(revision, 60_000));
    expect(eventLine(early)).toBe(line);
    for (let revision = 60; revision < 80; revision += 1) eventLine(sized(revision, 60_000));
    expect(eventLine(early)).not.toBe(line);
  });
});

describe('ResourceCache', () => {
  it('keeps key order and selects namespaces by range', () => {
    const cache = new ResourceCache(prefix, { revision: 0, historyLimit: 10, historyLimitBytes: 1000 });
    for (const [name, namespace] of [
      ['b', 'x'],
      ['a', 'y'],
      ['a', 'x'],
      ['z', 'w'],
    ] as const)
      cache.load(stored(name, 1, namespace));
    const keys = (selection: Selection): string[] => cache.select(selection).map(({ key }) => key.slice(prefix.length));
    expect(keys(all)).toEqual(['w/z', 'x/a', 'x/b', 'y/a']);
    expect(keys({ ...all, namespace: 'x' })).toEqual(['x/a', 'x/b']);
    expect(keys({ ...all, name: 'a' })).toEqual(['x/a', 'y/a']);
  });

  it('knows how far back its history goes', () => {
    const cache = new ResourceCache(prefix, { revision: 1, historyLimit: 4, historyLimitBytes: 1000 });
    for (let revision = 2; revision <= 8; revision += 1) cache.apply(event('ADDED', `n${revision}`, revision));
    expect(() => cache.eventsSince(1)).toThrow(expect.objectContaining({ reason: 'Expired' }));
    expect(cache.eventsSince(6).map(({ revision }) => revision)).toEqual([7, 8]);
  });

  it('forgets by bytes, too', () => {
    const historyLimitBytes = event('ADDED', 'n', 2).stored.sizeBytes * 4;
    const cache = new ResourceCache(prefix, { revision: 1, historyLimit: 1000, historyLimitBytes });
    for (let revision = 2; revision <= 6; revision += 1) cache.apply(event('MODIFIED', 'n', revision));
    expect(() => cache.eventsSince(3)).toThrow(expect.objectContaining({ reason: 'Expired' }));
    expect(cache.eventsSince(4).map(({ revision }) => revision)).toEqual([5, 6]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { StoreError } from '@timonel/sdk/contracts/store';
import { codeOf, put, putOf, remove, text, type StoreBed } from './harness.ts';

/** Ranges, old revisions, compaction. */
export function rangeContract(bed: () => StoreBed): void {
  const keysOf = async (options: Parameters<StoreBed['store']['range']>[0]): Promise<string[]> =>
    (await bed().store.range(options)).kvs.map((kv) => kv.key);

  describe('range', () => {
    it('gives the keys with the prefix and no others', async () => {
      await bed().store.txn({ compare: [], success: ['a', 'a/', 'a/1', 'a/2', 'a0', 'b'].map((key) => putOf(key)) });
      expect(await keysOf({ prefix: 'a/' })).toEqual(['a/', 'a/1', 'a/2']);
      expect(await keysOf({ prefix: 'a' })).toEqual(['a', 'a/', 'a/1', 'a/2', 'a0']);
      expect(await keysOf({ prefix: '' })).toHaveLength(6);
      expect(await keysOf({ prefix: 'c' })).toEqual([]);
    });

    it('sorts by UTF-8 bytes, not by UTF-16 units', async () => {
      const keys = ['\u{10000}', '\uffff', '\ue000', 'é', 'z', 'Z', '~', 'a\u0000', 'a', 'a\u0001', '\u{1f600}', '中'];
      await bed().store.txn({ compare: [], success: keys.map((key) => putOf(key)) });
      const sorted = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(await keysOf({ prefix: '' })).toEqual(sorted);
      expect(await keysOf({ prefix: '', startKey: '\uffff' })).toEqual(['\uffff', '\u{10000}', '\u{1f600}']);
      expect(await keysOf({ prefix: 'a' })).toEqual(['a', 'a\u0000', 'a\u0001']);
      expect(await keysOf({ prefix: '\uffff' })).toEqual(['\uffff']);
      expect(await keysOf({ prefix: '\u{10000}' })).toEqual(['\u{10000}']);
    });

    it('pages with limit and startKey; the count is that of the rest of the range', async () => {
      const { store } = bed();
      const keys = Array.from({ length: 25 }, (_, at) => `p/${String(at).padStart(3, '0')}`);
      await store.txn({ compare: [], success: [...keys, 'q'].map((key) => putOf(key)) });
      const seen: string[] = [];
      let startKey = 'p/';
      for (let left = 25; left > 0; left -= 10) {
        const page = await store.range({ prefix: 'p/', startKey, limit: 10 });
        expect(page.count).toBe(left);
        expect(page.more).toBe(left > 10);
        expect(page.kvs).toHaveLength(Math.min(10, left));
        seen.push(...page.kvs.map((kv) => kv.key));
        startKey = `${page.kvs.at(-1)?.key}\u0000`;
      }
      expect(seen).toEqual(keys);
      expect(await store.range({ prefix: 'p/', limit: 25 })).toMatchObject({ more: false, count: 25 });
      expect((await store.range({ prefix: 'p/', limit: 0 })).kvs).toHaveLength(25);
    });

    it('includes the start key itself', async () => {
      await bed().store.txn({ compare: [], success: ['a1', 'a2', 'a3'].map((key) => putOf(key)) });
      expect(await keysOf({ prefix: 'a', startKey: 'a2' })).toEqual(['a2', 'a3']);
    });

    it('leaves values out with keysOnly, and nothing else', async () => {
      const { store } = bed();
      await put(store, 'a', 'long');
      const [kv] = (await store.range({ prefix: '', keysOnly: true })).kvs;
      expect(kv).toMatchObject({ key: 'a', createRevision: 2, modRevision: 2, version: 1 });
      expect(kv?.value.byteLength).toBe(0);
      expect(text((await store.get('a')).kv)).toBe('long');
    });

    it('gives thousands of keys whole and in order', async () => {
      const { store } = bed();
      const keys = Array.from({ length: 3000 }, (_, at) => `k${String((at * 7919) % 3000).padStart(5, '0')}`);
      for (let at = 0; at < keys.length; at += 500) {
        await store.txn({ compare: [], success: keys.slice(at, at + 500).map((key) => putOf(key, key)) });
      }
      const { kvs, count } = await store.range({ prefix: 'k' });
      expect(count).toBe(3000);
      expect(kvs.map((kv) => kv.key)).toEqual([...keys].sort());
      expect(kvs.every((kv) => text(kv) === kv.key)).toBe(true);
    });
  });

  describe('old revisions', () => {
    it('reads a key as of every revision', async () => {
      const { store } = bed();
      await put(store, 'a', '2');
      await put(store, 'other');
      await put(store, 'a', '4');
      await remove(store, 'a');
      await put(store, 'a', '6');
      const at = async (revision: number) => text((await store.get('a', { revision })).kv);
      expect(await Promise.all([1, 2, 3, 4, 5, 6].map(at))).toEqual([undefined, '2', '2', '4', undefined, '6']);
      expect((await store.get('a', { revision: 2 })).revision).toBe(6);
      expect((await store.get('a', { revision: 3 })).kv).toMatchObject({
        createRevision: 2,
        modRevision: 2,
        version: 1,
      });
    });

    it('reads a range as of a revision, with limit, count and startKey', async () => {
      const { store } = bed();
      const first = (
        await store.txn({ compare: [], success: ['k/a', 'k/b', 'k/c', 'k/d'].map((key) => putOf(key, 'old')) })
      ).revision;
      await remove(store, 'k/b');
      await put(store, 'k/c', 'new');
      await put(store, 'k/bb', 'new');
      const old = await store.range({ prefix: 'k/', revision: first });
      expect(old.kvs.map((kv) => `${kv.key}=${text(kv)}`)).toEqual(['k/a=old', 'k/b=old', 'k/c=old', 'k/d=old']);
      const page = await store.range({ prefix: 'k/', revision: first, startKey: 'k/b', limit: 2 });
      expect(page.kvs.map((kv) => kv.key)).toEqual(['k/b', 'k/c']);
      expect(page).toMatchObject({ count: 3, more: true });
      const now = await store.range({ prefix: 'k/' });
      expect(now.kvs.map((kv) => `${kv.key}=${text(kv)}`)).toEqual(['k/a=old', 'k/bb=new', 'k/c=new', 'k/d=old']);
    });

    it('refuses a revision that does not exist yet', async () => {
      const { store } = bed();
      await put(store, 'a');
      expect(await codeOf(store.get('a', { revision: 3 }))).toBe('FUTURE_REVISION');
      expect(await codeOf(store.range({ prefix: '', revision: 3 }))).toBe('FUTURE_REVISION');
    });
  });

  describe('compaction', () => {
    it('forgets what is before, and only that', async () => {
      const { store } = bed();
      for (const value of ['2', '3', '4', '5']) await put(store, 'a', value);
      await put(store, 'gone');
      await remove(store, 'gone');
      await store.compact(4);
      expect(await store.status()).toMatchObject({ revision: 7, compactedRevision: 4 });
      expect(await codeOf(store.get('a', { revision: 3 }))).toBe('COMPACTED');
      expect(await codeOf(store.range({ prefix: '', revision: 3 }))).toBe('COMPACTED');
      expect(text((await store.get('a', { revision: 4 })).kv)).toBe('4');
      expect((await store.range({ prefix: '', revision: 6 })).kvs.map((kv) => kv.key)).toEqual(['a', 'gone']);
      await store.compact(7);
      expect(text((await store.get('a', { revision: 7 })).kv)).toBe('5');
      expect((await store.range({ prefix: '', revision: 7 })).kvs.map((kv) => kv.key)).toEqual(['a']);
    });

    it('tells the oldest readable revision with the error', async () => {
      const { store } = bed();
      await put(store, 'a');
      await put(store, 'a');
      await store.compact(3);
      const error = await store.get('a', { revision: 2 }).catch((thrown: unknown) => thrown as StoreError);
      expect(error).toMatchObject({ name: 'StoreError', code: 'COMPACTED', compactedRevision: 3 });
    });

    it('goes one way only, and not into the future', async () => {
      const { store } = bed();
      for (let at = 0; at < 5; at++) await put(store, 'a');
      await store.compact(5);
      await store.compact(3);
      expect((await store.status()).compactedRevision).toBe(5);
      expect(await codeOf(store.compact(7))).toBe('FUTURE_REVISION');
    });

    it('leaves the present alone', async () => {
      const { store } = bed();
      for (let at = 0; at < 50; at++) await put(store, `k${at % 7}`, `${at}`);
      const before = await store.range({ prefix: '' });
      await store.compact(before.revision);
      const after = await store.range({ prefix: '' });
      expect(after.kvs.map((kv) => [kv.key, text(kv), kv.createRevision, kv.modRevision, kv.version])).toEqual(
        before.kvs.map((kv) => [kv.key, text(kv), kv.createRevision, kv.modRevision, kv.version]),
      );
      expect(after.revision).toBe(before.revision);
    });
  });
}

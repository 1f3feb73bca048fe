import { describe, expect, it } from '@jest/globals';
import type { Compare } from '@timonel/sdk/contracts/store';
import { bytes, codeOf, put, putOf, remove, text, type StoreBed } from './harness.ts';

/** Revisions, txns, atomicity. */
export function txnContract(bed: () => StoreBed): void {
  describe('revisions', () => {
    it('starts at 1, with every revision readable', async () => {
      expect(await bed().store.status()).toMatchObject({ revision: 1, compactedRevision: 1 });
      expect(await bed().store.barrier()).toBe(1);
      expect(await bed().store.get('a')).toEqual({ kv: undefined, revision: 1 });
    });

    it('grows by exactly 1 with every txn that changes something', async () => {
      const { store } = bed();
      expect(await put(store, 'a')).toBe(2);
      expect(await put(store, 'a')).toBe(3);
      expect(await remove(store, 'a')).toBe(4);
      expect(await remove(store, 'a')).toBe(4);
      const read = await store.txn({ compare: [], success: [{ op: 'get', key: 'a' }] });
      expect(read).toEqual({ succeeded: true, revision: 4, results: [{ op: 'get', kv: undefined }] });
      expect((await store.txn({ compare: [], success: [] })).revision).toBe(4);
    });

    it('gives all changes of one txn the same revision', async () => {
      const { store } = bed();
      const { revision } = await store.txn({ compare: [], success: [putOf('a'), putOf('b'), putOf('c')] });
      const { kvs } = await store.range({ prefix: '' });
      expect(kvs.map((kv) => [kv.key, kv.modRevision])).toEqual(['a', 'b', 'c'].map((key) => [key, revision]));
    });

    it('counts versions and remembers the creation since the last deletion', async () => {
      const { store } = bed();
      await put(store, 'a', '1');
      await put(store, 'a', '2');
      expect((await store.get('a')).kv).toMatchObject({ createRevision: 2, modRevision: 3, version: 2, lease: 0 });
      await remove(store, 'a');
      await put(store, 'a', '3');
      expect((await store.get('a')).kv).toMatchObject({ createRevision: 5, modRevision: 5, version: 1 });
    });
  });

  describe('compare', () => {
    const cases: [string, Compare, boolean][] = [
      ['modRevision equal', { key: 'a', modRevision: 3 }, true],
      ['modRevision of a former change', { key: 'a', modRevision: 2 }, false],
      ['modRevision 0 of a key that exists', { key: 'a', modRevision: 0 }, false],
      ['modRevision 0 of a key that does not exist', { key: 'b', modRevision: 0 }, true],
      ['modRevision of a key that does not exist', { key: 'b', modRevision: 3 }, false],
      ['createRevision equal', { key: 'a', createRevision: 2 }, true],
      ['createRevision of a later change', { key: 'a', createRevision: 3 }, false],
      ['createRevision 0 of a key that does not exist', { key: 'b', createRevision: 0 }, true],
      ['version equal', { key: 'a', version: 2 }, true],
      ['version unequal', { key: 'a', version: 1 }, false],
      ['version 0 of a key that does not exist', { key: 'b', version: 0 }, true],
    ];
    it.each(cases)('%s', async (_, compare, holds) => {
      const { store } = bed();
      await put(store, 'a', '1');
      await put(store, 'a', '2');
      const { succeeded } = await store.txn({
        compare: [compare],
        success: [putOf('r', 'yes')],
        failure: [putOf('r', 'no')],
      });
      expect(succeeded).toBe(holds);
      expect(text((await store.get('r')).kv)).toBe(holds ? 'yes' : 'no');
    });

    it('needs every condition', async () => {
      const { store } = bed();
      await put(store, 'a');
      const compare = [
        { key: 'a', modRevision: 2 },
        { key: 'b', version: 1 },
      ];
      const result = await store.txn({ compare, success: [putOf('r')] });
      expect(result).toEqual({ succeeded: false, revision: 2, results: [] });
      expect((await store.get('r')).kv).toBeUndefined();
    });
  });

  describe('operations', () => {
    it('answers each operation of the branch that ran, in order', async () => {
      const { store } = bed();
      await put(store, 'a', '1');
      const { results } = await store.txn({
        compare: [],
        success: [{ op: 'get', key: 'a' }, { op: 'delete', key: 'a' }, { op: 'delete', key: 'none' }, putOf('b')],
      });
      const former = { key: 'a', value: bytes('1'), createRevision: 2, modRevision: 2, version: 1, lease: 0 };
      expect(results.map((result) => result.op)).toEqual(['get', 'delete', 'delete', 'put']);
      expect(plain(results[0])).toEqual({ op: 'get', kv: former });
      expect(plain(results[1])).toEqual({ op: 'delete', deleted: former });
      expect(results[2]).toEqual({ op: 'delete', deleted: undefined });
    });

    it('lets operations see earlier ones of the same txn', async () => {
      const { store } = bed();
      const { results } = await store.txn({ compare: [], success: [putOf('a', 'new'), { op: 'get', key: 'a' }] });
      const read = results[1];
      expect(read?.op === 'get' && text(read.kv)).toBe('new');
    });

    it('makes one change of several changes to one key in one txn', async () => {
      const { store } = bed();
      await put(store, 'a', '1');
      const twice = await store.txn({ compare: [], success: [putOf('a', '2'), putOf('a', '3')] });
      expect((await store.get('a')).kv).toMatchObject({ createRevision: 2, modRevision: twice.revision, version: 2 });
      const nothing = await store.txn({ compare: [], success: [putOf('b'), { op: 'delete', key: 'b' }] });
      expect(nothing.revision).toBe(twice.revision);
    });

    it('does all or nothing', async () => {
      const { store } = bed();
      expect(await codeOf(store.txn({ compare: [], success: [putOf('a'), putOf('b', 'v', 4711)] }))).toBe(
        'LEASE_NOT_FOUND',
      );
      expect(await store.range({ prefix: '' })).toMatchObject({ count: 0, revision: 1 });
    });

    it('keeps empty and binary values byte for byte', async () => {
      const { store } = bed();
      const binary = Uint8Array.from({ length: 256 }, (_, at) => at);
      await store.txn({
        compare: [],
        success: [
          { op: 'put', key: 'binary', value: binary },
          { op: 'put', key: 'empty', value: new Uint8Array(0) },
        ],
      });
      expect([...((await store.get('binary')).kv?.value ?? [])]).toEqual([...binary]);
      expect((await store.get('empty')).kv?.value.byteLength).toBe(0);
    });

    it('never changes what it handed out', async () => {
      const { store } = bed();
      for (let at = 0; at < 20; at++) await put(store, `k${at}`, `value ${at}`);
      const early = (await store.range({ prefix: 'k' })).kvs;
      const one = (await store.get('k3')).kv;
      const before = early.map((kv) => `${kv.key} ${text(kv)} ${kv.modRevision}`);
      for (let at = 0; at < 20; at++) await put(store, `k${at}`, 'X'.repeat(10));
      await store.range({ prefix: '' });
      await remove(store, 'k3');
      expect(early.map((kv) => `${kv.key} ${text(kv)} ${kv.modRevision}`)).toEqual(before);
      expect(text(one)).toBe('value 3');
    });
  });

  describe('concurrency', () => {
    it('lets exactly one of many txns on one key win', async () => {
      const { store } = bed();
      for (let round = 0; round < 10; round++) {
        const { kv } = await store.get('leader');
        const compare = [{ key: 'leader', modRevision: kv?.modRevision ?? 0 }];
        const tries = Array.from({ length: 32 }, (_, who) =>
          store.txn({ compare, success: [putOf('leader', `${who}`)] }),
        );
        const outcomes = await Promise.all(tries);
        const winners = outcomes.flatMap((outcome, who) => (outcome.succeeded ? [who] : []));
        expect(winners).toHaveLength(1);
        expect(text((await store.get('leader')).kv)).toBe(`${winners[0]}`);
      }
    });

    it('gives concurrent writes distinct revisions and loses none', async () => {
      const { store } = bed();
      const revisions = await Promise.all(Array.from({ length: 200 }, (_, at) => put(store, `k${at}`)));
      expect([...revisions].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, at) => at + 2));
      expect((await store.range({ prefix: 'k' })).count).toBe(200);
    });

    it('shows a resolved write to every later read', async () => {
      const { store } = bed();
      for (let at = 0; at < 20; at++) {
        const revision = await put(store, 'a', `${at}`);
        expect(await store.barrier()).toBeGreaterThanOrEqual(revision);
        expect(text((await store.get('a', { serializable: true })).kv)).toBe(`${at}`);
      }
    });
  });
}

/** Values as plain Uint8Array, whatever subclass the store uses. */
function plain(result: unknown): unknown {
  const copy = structuredClone(result) as { kv?: { value: Uint8Array }; deleted?: { value: Uint8Array } };
  for (const kv of [copy.kv, copy.deleted]) if (kv !== undefined) kv.value = new Uint8Array(kv.value);
  return copy;
}

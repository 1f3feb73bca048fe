import { describe, expect, it } from '@jest/globals';
import { decodeSnapshot, storeLimits } from '@timonel/sdk/contracts/store';
import { codeOf, put, putOf, text, type StoreBed } from './harness.ts';

/** Limits, snapshots, and what durable stores keep. */
export function limitsContract(bed: () => StoreBed): void {
  describe('limits', () => {
    it('takes the longest key and refuses a longer one, counted in bytes', async () => {
      const { store } = bed();
      const longest = 'k'.repeat(storeLimits.keyBytes);
      const wide = 'é'.repeat(storeLimits.keyBytes / 2);
      await put(store, longest, 'long');
      await put(store, wide, 'wide');
      await put(store, longest, 'again');
      expect(text((await store.get(longest)).kv)).toBe('again');
      expect(text((await store.get(longest, { revision: 2 })).kv)).toBe('long');
      expect(text((await store.get(wide)).kv)).toBe('wide');
      expect(await codeOf(put(store, `${longest}k`))).toBe('TOO_LARGE');
      expect(await codeOf(put(store, `${wide}é`))).toBe('TOO_LARGE');
      expect(await store.barrier()).toBe(4);
    });

    it('takes the largest value and refuses a larger one', async () => {
      const { store } = bed();
      const value = new Uint8Array(storeLimits.valueBytes).fill(7);
      await store.txn({ compare: [], success: [{ op: 'put', key: 'a', value }] });
      expect(Buffer.compare((await store.get('a')).kv?.value ?? new Uint8Array(0), value)).toBe(0);
      const larger = new Uint8Array(storeLimits.valueBytes + 1);
      expect(await codeOf(store.txn({ compare: [], success: [{ op: 'put', key: 'a', value: larger }] }))).toBe(
        'TOO_LARGE',
      );
      expect(await store.barrier()).toBe(2);
    });

    it('counts the operations of all three lists', async () => {
      const { store } = bed();
      const operations = (count: number) => Array.from({ length: count }, (_, at) => putOf(`k${at}`));
      const most = storeLimits.txnOperations;
      expect((await store.txn({ compare: [], success: operations(most) })).revision).toBe(2);
      expect(await codeOf(store.txn({ compare: [], success: operations(most + 1) }))).toBe('TOO_LARGE');
      const spread = { compare: [{ key: 'a', version: 0 }], success: operations(most - 1), failure: operations(1) };
      expect(await codeOf(store.txn(spread))).toBe('TOO_LARGE');
      expect(await store.barrier()).toBe(2);
    });
  });

  describe('snapshot', () => {
    it('is a consistent copy of one revision, while writes go on', async () => {
      const { store } = bed();
      const lease = await store.grantLease(60_000);
      for (let at = 0; at < 20; at++) {
        await store.txn({
          compare: [],
          success: Array.from({ length: 100 }, (_, n) => putOf(`k${at}/${n}`, 'x'.repeat(200))),
        });
      }
      await put(store, 'leased', 'v', lease.id);
      const before = await store.range({ prefix: '' });
      const chunks: Uint8Array[] = [];
      for await (const chunk of store.snapshot()) {
        chunks.push(chunk);
        await put(store, 'k0/0', 'changed meanwhile');
      }
      const snapshot = decodeSnapshot(Buffer.concat(chunks));
      expect(snapshot.revision).toBe(before.revision);
      expect(snapshot.leases).toEqual([lease]);
      const plain = before.kvs.map((kv) => ({ ...kv, value: new Uint8Array(kv.value) }));
      expect(snapshot.kvs).toEqual(plain);
      const broken = Buffer.concat(chunks);
      broken[500] = (broken[500] ?? 0) ^ 1;
      expect(() => decodeSnapshot(broken)).toThrow('checksum');
    });
  });
}

/** What a store keeps over a restart. Only for stores that can be reopened. */
export function durabilityContract(bed: () => StoreBed): void {
  it('keeps keys, history, revision and leases over a restart', async () => {
    if (!bed().canReopen) throw new Error('a durable store must give reopen');
    const first = bed().store;
    const lease = await first.grantLease(10_000);
    for (let at = 0; at < 30; at++) await put(first, `k${at % 4}`, `${at}`);
    await put(first, 'leased', 'v', lease.id);
    await first.compact(10);
    const before = await first.range({ prefix: '' });
    const old = await first.range({ prefix: '', revision: 15 });
    await bed().reopen();
    const { store } = bed();
    const flat = (range: typeof before) =>
      range.kvs.map((kv) => [kv.key, text(kv), kv.createRevision, kv.modRevision, kv.version, kv.lease]);
    expect(flat(await store.range({ prefix: '' }))).toEqual(flat(before));
    expect(flat(await store.range({ prefix: '', revision: 15 }))).toEqual(flat(old));
    expect(await store.status()).toMatchObject({ revision: before.revision, compactedRevision: 10 });
    const watch = store.watch({ prefix: 'k', fromRevision: 12 });
    expect(await put(store, 'k0', 'after')).toBe(before.revision + 1);
    const iterator = watch[Symbol.asyncIterator]();
    const revisions: number[] = [];
    while ((revisions.at(-1) ?? 0) < before.revision + 1) {
      const next = await iterator.next();
      for (const event of next.done === true ? [] : next.value.events) revisions.push(event.kv.modRevision);
    }
    watch.close();
    const all = Array.from({ length: before.revision - 10 }, (_, at) => at + 12);
    expect(revisions).toEqual(all.filter((revision) => revision !== before.revision));
    expect(await store.keepAlive(lease.id)).toEqual(lease);
    await bed().passTime(10_000);
    while ((await store.get('leased')).kv !== undefined) await new Promise((resolve) => setImmediate(resolve));
    const next = await store.grantLease(10_000);
    expect(next.id).not.toBe(lease.id);
  });

  it('keeps every acknowledged write of many restarts', async () => {
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 40 }, (_, at) => put(bed().store, `r${round}/${at}`, `${at}`)));
      await bed().reopen();
      const { count, revision } = await bed().store.range({ prefix: '' });
      expect(count).toBe(40 * (round + 1));
      expect(revision).toBe(1 + count);
    }
  });
}

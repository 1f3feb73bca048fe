import { describe, expect, it } from '@jest/globals';
import { codeOf, described, eventually, put, putOf, readUntil, remove, type StoreBed } from './harness.ts';

/** Leases: life, expiry by the clock of the env, keys that go with them. */
export function leaseContract(bed: () => StoreBed): void {
  const exists = async (key: string): Promise<boolean> => (await bed().store.get(key)).kv !== undefined;

  describe('leases', () => {
    it('deletes the keys of a revoked lease in one revision', async () => {
      const { store } = bed();
      const lease = await store.grantLease(10_000);
      const watch = store.watch({ prefix: '', fromRevision: 0 });
      await put(store, 'a', 'v', lease.id);
      await put(store, 'b', 'v', lease.id);
      const last = await put(store, 'c');
      expect((await store.get('a')).kv?.lease).toBe(lease.id);
      await store.revokeLease(lease.id);
      expect((await store.range({ prefix: '' })).kvs.map((kv) => kv.key)).toEqual(['c']);
      expect((await store.status()).revision).toBe(last + 1);
      const batches = await readUntil(watch[Symbol.asyncIterator](), (read) => (read.at(-1)?.revision ?? 0) > last);
      expect(described(batches).slice(3).sort()).toEqual([`delete a=@${last + 1}`, `delete b=@${last + 1}`]);
      watch.close();
      expect(await codeOf(store.revokeLease(lease.id))).toBe('LEASE_NOT_FOUND');
      expect(await codeOf(store.keepAlive(lease.id))).toBe('LEASE_NOT_FOUND');
      expect(await codeOf(put(store, 'd', 'v', lease.id))).toBe('LEASE_NOT_FOUND');
    });

    it('keeps the revision when a lease without keys ends', async () => {
      const { store } = bed();
      const lease = await store.grantLease(10_000);
      await store.revokeLease(lease.id);
      expect((await store.status()).revision).toBe(1);
    });

    /** A time to live, and the part of it that may pass without harm. */
    const times = (): { ttlMs: number; marginMs: number } =>
      bed().ownLeaseClock ? { ttlMs: 3_000, marginMs: 1_500 } : { ttlMs: 5_000, marginMs: 1 };

    it('ends when its time is over, not before', async () => {
      const { store } = bed();
      const { ttlMs, marginMs } = times();
      const lease = await store.grantLease(ttlMs);
      expect(lease.ttlMs).toBeGreaterThanOrEqual(ttlMs);
      await put(store, 'a', 'v', lease.id);
      await bed().passTime(lease.ttlMs - marginMs);
      await store.barrier();
      expect(await exists('a')).toBe(true);
      await bed().passTime(marginMs);
      await eventually(async () => !(await exists('a')));
      expect((await store.status()).revision).toBe(3);
      expect(await codeOf(store.keepAlive(lease.id))).toBe('LEASE_NOT_FOUND');
    });

    it('lives on with keepAlive', async () => {
      const { store } = bed();
      const { ttlMs, marginMs } = times();
      const lease = await store.grantLease(ttlMs);
      await put(store, 'a', 'v', lease.id);
      for (let round = 0; round < 4; round++) {
        await bed().passTime(lease.ttlMs - marginMs);
        expect(await store.keepAlive(lease.id)).toEqual(lease);
      }
      expect(await exists('a')).toBe(true);
      await bed().passTime(lease.ttlMs);
      await eventually(async () => !(await exists('a')));
    });

    it('lets go of keys that were put without it, put with another, or deleted', async () => {
      const { store } = bed();
      const one = await store.grantLease(10_000);
      const two = await store.grantLease(10_000);
      expect(two.id).not.toBe(one.id);
      await store.txn({ compare: [], success: ['a', 'b', 'c', 'd'].map((key) => putOf(key, 'v', one.id)) });
      await put(store, 'a');
      await put(store, 'b', 'v', two.id);
      await remove(store, 'c');
      await put(store, 'c');
      await store.revokeLease(one.id);
      expect((await store.range({ prefix: '' })).kvs.map((kv) => kv.key)).toEqual(['a', 'b', 'c']);
      await store.revokeLease(two.id);
      expect((await store.range({ prefix: '' })).kvs.map((kv) => kv.key)).toEqual(['a', 'c']);
    });
  });
}

import { describe, expect, it } from '@jest/globals';
import type { Store } from '@timonel/sdk/contracts/store';
import { Expiry } from './expiry.ts';

function bed(): { expiry: Expiry; granted: number[]; at: { ms: number }; fail: { next: boolean } } {
  const granted: number[] = [];
  const at = { ms: 0 };
  const fail = { next: false };
  const store = {
    grantLease(ttlMs: number) {
      if (fail.next) {
        fail.next = false;
        return Promise.reject(new Error('no leader'));
      }
      granted.push(ttlMs);
      return Promise.resolve({ id: granted.length, ttlMs });
    },
  } as unknown as Store;
  const clock = { monotonic: () => at.ms } as never;
  return { expiry: new Expiry({ store, clock, ttlMs: 60_000 }), granted, at, fail };
}

describe('leases of objects that expire', () => {
  it('are shared by what is written about the same time, and live long enough for the last of it', async () => {
    const { expiry, granted, at } = bed();
    expect(await Promise.all([expiry.lease(), expiry.lease()])).toEqual([1, 1]);
    at.ms = 1000;
    expect(await expiry.lease()).toBe(1);
    at.ms = 1001;
    expect(await expiry.lease()).toBe(2);
    expect(granted).toEqual([61_000, 61_000]);
  });

  it('are granted anew when the store has forgotten one, or failed to grant it', async () => {
    const { expiry, fail } = bed();
    await expiry.lease();
    expiry.forget(1);
    fail.next = true;
    await expect(expiry.lease()).rejects.toThrow('no leader');
    expect(await expiry.lease()).toBe(2);
  });

  it('are forgotten once, however many writes found them missing', async () => {
    const { expiry, granted } = bed();
    await expiry.lease();
    expiry.forget(1);
    expect(await expiry.lease()).toBe(2);
    expiry.forget(1);
    expect(await expiry.lease()).toBe(2);
    expect(granted).toHaveLength(2);
  });

  it('are not needed when nothing expires', async () => {
    const store = {} as Store;
    expect(await new Expiry({ store, clock: {} as never, ttlMs: 0 }).lease()).toBeUndefined();
  });
});

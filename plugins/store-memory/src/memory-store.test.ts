import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core/env';
import { storeContract } from '@timonel/testkit/contracts/store';
import { MemoryStore } from './memory-store.ts';

storeContract('store-memory', async ({ env }) => {
  const store = new MemoryStore(env);
  return { store, close: async () => store.close() };
});

describe('automatic compaction', () => {
  it('keeps what is young or recent, within the bound', async () => {
    const env = createSimulatedEnv({ seed: 1 });
    const compaction = { retainRevisions: 10, retainMs: 60_000, maxRevisions: 50, checkMs: 1_000 };
    const store = new MemoryStore(env, { compaction });
    const write = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at++) {
        await store.txn({ compare: [], success: [{ op: 'put', key: 'a', value: new Uint8Array(1) }] });
      }
    };
    const compacted = async (): Promise<number> => (await store.status()).compactedRevision;
    await write(29);
    await env.advance(30_000);
    expect(await compacted()).toBe(1);
    await env.advance(40_000);
    expect(await compacted()).toBe(20);
    await write(100);
    await env.advance(2_000);
    expect(await compacted()).toBe(80);
    await env.advance(70_000);
    expect(await compacted()).toBe(120);
    store.close();
  });
});

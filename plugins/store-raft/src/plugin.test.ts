import { describe, expect, it } from '@jest/globals';
import { store } from '@timonel/sdk/contracts/store';
import { pluginSuite } from '@timonel/testkit';
import { configSchema } from './config.ts';
import plugin from './index.ts';

pluginSuite('store-raft', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const service = kernel.service(store);
    const value = Buffer.from('value');
    const { revision } = await service.txn({ compare: [], success: [{ op: 'put', key: 'key', value }] });
    const { kv } = await service.get('key');
    if (kv?.modRevision !== revision) throw new Error('the write is not there');
  },
}));

describe('configuration of store-raft', () => {
  it('fills in defaults, and refuses unknown and senseless values', () => {
    expect(configSchema.parse({}).compaction.retainRevisions).toBe(10_000);
    expect(configSchema.parse({ compaction: { checkMs: 10 } }).compaction).toMatchObject({
      checkMs: 10,
      maxRevisions: 100_000,
    });
    expect(configSchema.safeParse({ compactions: {} }).success).toBe(false);
    expect(configSchema.safeParse({ compaction: { retainMs: 0 } }).success).toBe(false);
  });
});

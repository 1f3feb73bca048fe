import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { store } from '@timonel/sdk/contracts/store';
import { pluginSuite } from '@timonel/testkit';
import { etcdMissing, startEtcd, type EtcdCluster } from '../../../test/support/etcd.ts';
import { configSchema } from './config.ts';
import plugin from './index.ts';

jest.setTimeout(60_000);

// One etcd for all of the suite: that a plugin stops must not depend on it.
let cluster: EtcdCluster | undefined;

if (etcdMissing === undefined) {
  describe('on a real etcd', () => {
    beforeAll(async () => {
      cluster = await startEtcd();
    });
    afterAll(() => cluster?.stop());

    pluginSuite('store-etcd', () => ({
      entry: { definition: plugin, source: 'built-in', config: { endpoints: cluster?.endpoints ?? [] } },
      dependencies: [],
      load: async (kernel) => {
        const service = kernel.service(store);
        const value = Buffer.from('value');
        const { revision } = await service.txn({ compare: [], success: [{ op: 'put', key: 'key', value }] });
        const { kv } = await service.get('key');
        if (kv?.modRevision !== revision) throw new Error('the write is not there');
      },
    }));
  });
} else {
  describe('plugin suite: store-etcd', () => {
    it.skip(`needs etcd: ${etcdMissing}`, () => undefined);
  });
}

describe('configuration of store-etcd', () => {
  const problems = (config: unknown): string[] =>
    configSchema.safeParse(config).error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? [];

  it('needs endpoints and fills in the rest', () => {
    expect(configSchema.parse({ endpoints: ['http://127.0.0.1:2379'] })).toMatchObject({
      keyPrefix: 'timonel/',
      tls: {},
      compaction: { retainRevisions: 10_000 },
    });
    expect(problems({})).toHaveLength(1);
    expect(problems({ endpoints: [] })).toHaveLength(1);
    expect(configSchema.parse({ endpoints: ['http://a:1'], compaction: false }).compaction).toBe(false);
  });

  it('refuses what cannot work, and says what to do', () => {
    expect(problems({ endpoints: ['127.0.0.1:2379'] })).toEqual([
      'endpoints.0: not the URL of an etcd member, for example https://10.0.0.1:2379',
    ]);
    expect(problems({ endpoints: ['https://a:1'], tls: { certFile: 'c' } })).toEqual([
      'tls: a certificate and its key belong together: give certFile and keyFile, or neither',
    ]);
    expect(problems({ endpoints: ['https://a:1', 'http://b:1'], tls: { caFile: 'c' } })).toEqual([
      'endpoints: with tls files every endpoint must begin with https://',
    ]);
  });
});

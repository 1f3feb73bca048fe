import { store } from '@timonel/sdk/contracts/store';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

pluginSuite('store-memory', () => ({
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

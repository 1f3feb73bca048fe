import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { valueEncryption } from '@timonel/sdk/contracts/encryption';
import { store, type Store } from '@timonel/sdk/contracts/store';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

const emptyStore = (): Partial<Store> => {
  let kv: { key: string; value: Uint8Array; modRevision: number } | undefined;
  return {
    get: () => Promise.resolve({ kv: kv as never, revision: 1 }),
    range: () => Promise.resolve({ kvs: [], more: false, count: 0, revision: 1 }),
    txn({ success: [operation] }) {
      if (operation?.op === 'put') kv = { key: operation.key, value: operation.value, modRevision: 2 };
      return Promise.resolve({ succeeded: true, revision: 2, results: [{ op: 'put' }] });
    },
  };
};

pluginSuite('encryption-aesgcm', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [fakeService(store, emptyStore())],
  load: async (kernel) => {
    const encryption = kernel.service(valueEncryption);
    const key = '/registry/core/secrets/a/b';
    const { value } = await encryption.seal({ key, value: Buffer.from('plain') });
    const [opened] = await encryption.open([{ key, value }]);
    if (!(opened instanceof Uint8Array) || Buffer.from(opened).toString() !== 'plain')
      throw new Error('the value came back changed');
    if (kernel.service(routeProvider).all().length === 0) throw new Error('there are no routes');
  },
}));

import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { addressAnnouncer } from '@timonel/sdk/contracts/loadbalancer';
import { fakeService, pluginSuite } from '@timonel/testkit';
import { expect } from '@jest/globals';
import plugin from './index.ts';

/** An API without any objects. */
const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  async *watch(_, { signal }) {
    await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
    yield* [];
  },
};

pluginSuite('loadbalancer-link', () => ({
  entry: { definition: plugin, source: 'built-in', config: { nodeName: 'here' } },
  dependencies: [fakeService(apiClient, emptyApi)],
  load: async (kernel) => {
    const status = { implementation: 'link', addresses: [], lastError: undefined };
    expect(await kernel.service(addressAnnouncer).status()).toEqual(status);
  },
}));

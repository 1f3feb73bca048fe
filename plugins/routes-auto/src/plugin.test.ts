import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

/** An API without any objects: what the plugin does with objects is tested against the real one. */
const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  async *watch(_, { signal }) {
    await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
    yield* [];
  },
};

pluginSuite('routes-auto', () => ({
  entry: { definition: plugin, source: 'built-in', config: { nodeName: 'node-1' } },
  dependencies: [fakeService(apiClient, emptyApi)],
  load: async (kernel) => {
    for (const { service } of kernel.service(controller).all()) {
      if (service.status().name !== 'routes-auto') throw new Error('the status is of another controller');
    }
  },
}));

import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

/** An API without any objects: what the plugin refuses and sets is tested against the real one. */
const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  async *watch(_, { signal }) {
    await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
    yield* [];
  },
};

pluginSuite('admission-node', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [fakeService(apiClient, emptyApi)],
}));

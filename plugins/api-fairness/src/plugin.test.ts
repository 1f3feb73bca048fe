import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { fakeService, pluginSuite, silentWatch } from '@timonel/testkit';
import plugin from './index.ts';

/** An API without any objects, which takes everything: what the plugin decides is tested against the real one. */
const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  create: (_, object) => Promise.resolve(object),
  watch: (_, { signal }) => silentWatch(signal ?? new AbortController().signal),
};

pluginSuite('api-fairness', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [fakeService(apiClient, emptyApi)],
}));

import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { fakeService, pluginSuite, silentWatch } from '@timonel/testkit';
import plugin from './index.ts';

/** An API without any objects: what the plugin does with objects is tested against the real one. */
const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  watch: (_, { signal }) => silentWatch(signal ?? new AbortController().signal),
};

pluginSuite('controller-admissionpolicy', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [fakeService(apiClient, emptyApi)],
  load: async (kernel) => {
    for (const { service } of kernel.service(controller).all()) {
      if (service.status().name !== 'admissionpolicy') throw new Error('the status is of another controller');
    }
  },
}));

import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import { serviceAccountTokens } from '@timonel/sdk/contracts/auth';
import { controller } from '@timonel/sdk/contracts/controller';
import { fakeService, pluginSuite, silentWatch } from '@timonel/testkit';
import plugin from './index.ts';

/** An API without any objects: what the plugin does with objects is tested against the real one. */
const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  watch: (_, { signal }) => silentWatch(signal ?? new AbortController().signal),
};

pluginSuite('controller-serviceaccount', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [
    fakeService(apiClient, emptyApi),
    fakeService(apiEndpoint, { caCertificate: () => 'PEM' }),
    fakeService(serviceAccountTokens, {}),
  ],
  load: async (kernel) => {
    for (const { service } of kernel.service(controller).all()) {
      if (service.status().name !== 'serviceaccount') throw new Error('the status is of another controller');
    }
  },
}));

import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { apiEndpoint, type ApiEndpoint } from '@timonel/sdk/contracts/api-server';
import { ApiError } from '@timonel/sdk/kube';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

/** An API without any objects: what the plugin does with objects is tested against the real one. */
const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  get: () => Promise.reject(new ApiError('NotFound', 'not found')),
  create: (_, object) => Promise.resolve(object),
  async *watch(_, { signal }) {
    await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
    yield* [];
  },
};

const endpoint: ApiEndpoint = {
  url: () => 'https://127.0.0.1:1',
  caCertificate: () => 'PEM',
  listenAlso: () => Promise.reject(new Error('it does not listen')),
};

pluginSuite('api-aggregation', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [fakeService(apiClient, emptyApi), fakeService(apiEndpoint, endpoint)],
}));

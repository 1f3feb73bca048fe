import { expect } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { resourceMetrics } from '@timonel/sdk/contracts/metrics';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

/** An API without any objects: what the plugin measures is tested against the real one. */
const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  async *watch(_, { signal }) {
    await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
    yield* [];
  },
};

pluginSuite('metrics-resource', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [fakeService(apiClient, emptyApi)],
  load: async (kernel) => {
    expect(kernel.service(resourceMetrics).nodes()).toEqual([]);
    await Promise.resolve();
  },
}));

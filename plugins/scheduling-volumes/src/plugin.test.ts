import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { schedulingPlugins } from '@timonel/sdk/contracts/scheduler';
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

pluginSuite('scheduling-volumes', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [fakeService(apiClient, emptyApi)],
  load: async (kernel) => {
    const names = kernel
      .service(schedulingPlugins)
      .all()
      .flatMap(({ service }) => service.make().map(({ name }) => name));
    if (names.join(' ') !== 'VolumeBinding') throw new Error(`the rules are ${names.join(', ')}`);
  },
}));

import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { volumeDrivers } from '@timonel/sdk/contracts/volume';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

/** An API without any objects: what the plugin does with objects is tested against the real one. */
const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  create: (_type, object) => Promise.resolve(object),
  async *watch(_, { signal }) {
    await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
    yield* [];
  },
};

pluginSuite('volumes-local', () => ({
  entry: { definition: plugin, source: 'built-in', config: { nodeName: 'node-1' } },
  dependencies: [fakeService(apiClient, emptyApi)],
  load: async (kernel) => {
    const volume = { metadata: { name: 'v' }, spec: { local: { path: '/' } } };
    const known = kernel.service(volumeDrivers).all();
    if (!known.some(({ service }) => service.supports(volume))) throw new Error('it mounts no local volumes');
  },
}));

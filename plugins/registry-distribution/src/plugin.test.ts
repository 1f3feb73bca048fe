import { imageRegistry } from '@timonel/sdk/contracts/registry';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

// Nobody listens there: what registries answer is tested elsewhere.
const reference = { registry: '127.0.0.1:1', repository: 'none', tag: 'latest', digest: '' };
const access = { credentials: [], plainHttp: false, signal: undefined };

pluginSuite('registry-distribution', () => ({
  entry: { definition: plugin, source: 'built-in', config: { tries: 1 } },
  dependencies: [],
  load: async (kernel) => {
    const error: unknown = await kernel
      .service(imageRegistry)
      .resolve(reference, access)
      .catch((failure: unknown) => failure);
    if ((error as { reason?: unknown }).reason !== 'RegistryUnavailable') throw error;
  },
}));

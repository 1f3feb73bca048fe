import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

pluginSuite('metrics-custom', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    for (const { service } of kernel.service(routeProvider).all()) {
      if (service.routes().length !== 4) throw new Error('a route is missing');
    }
  },
}));

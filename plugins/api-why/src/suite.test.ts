import { expect } from '@jest/globals';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

pluginSuite('api-why', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const [provider] = kernel.service(routeProvider).all();
    const routes = provider?.service.routes() ?? [];
    expect(routes).toHaveLength(3);
    const list = await routes[0]?.handle({ params: {} } as never);
    expect(list).toMatchObject({ status: 200, object: { kind: 'APIResourceList', resources: [] } });
  },
}));

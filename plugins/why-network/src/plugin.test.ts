import { apiClient } from '@timonel/sdk/contracts/api';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

pluginSuite('why-network', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [fakeService(apiClient, {})],
}));

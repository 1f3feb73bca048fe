import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

/** What the plugin decides is tested against the real API: without a node that asks, it reads nothing. */
const emptyApi: Partial<ApiClient> = {};

pluginSuite('authz-node', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [fakeService(apiClient, emptyApi)],
}));

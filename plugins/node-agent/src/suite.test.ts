import { apiClient } from '@timonel/sdk/contracts/api';
import { images } from '@timonel/sdk/contracts/images';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { ApiError } from '@timonel/sdk/kube';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

const away = () => Promise.reject(new ApiError('ServiceUnavailable', 'the API is away'));

/** An API that is away: the agent must live with it. */
pluginSuite('node-agent', () => ({
  entry: { definition: plugin, source: 'built-in', config: { nodeName: 'node-1', runtime: 'fake' } },
  dependencies: [
    fakeService(apiClient, {
      get: away,
      list: away,
      create: away,
      patch: away,
      updateStatus: away,
      delete: away,
      async *watch() {
        yield* [];
        throw new ApiError('ServiceUnavailable', 'the API is away');
      },
    }),
    fakeService(containerRuntime, {
      info: async () => ({ name: 'fake', version: '1', isolation: 'none', ready: true, reason: '' }),
      listSandboxes: async () => [],
      listContainers: async () => [],
      onEvent: () => () => undefined,
    }),
    fakeService(images, { list: async () => [] }),
    fakeService(podNetwork, {
      nodeNetwork: async () => ({ podCidr: '10.1.0.0/24', nodeAddress: '192.0.2.1' }),
      retain: async () => 0,
      list: async () => [],
    }),
  ],
}));

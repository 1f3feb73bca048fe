import { images } from '@timonel/sdk/contracts/images';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';
import { apiAway } from './testing/api-away.ts';

pluginSuite('node-agent', () => ({
  entry: { definition: plugin, source: 'built-in', config: { nodeName: 'node-1', runtime: 'fake' } },
  dependencies: [
    apiAway(),
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

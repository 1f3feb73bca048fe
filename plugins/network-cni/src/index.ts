import { definePlugin, type PluginDefinition } from '@timonel/sdk';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { CniNetwork } from './cni-network.ts';
import { configSchema } from './config.ts';

const plugin: PluginDefinition<{ network: typeof podNetwork }, {}, {}, {}, typeof configSchema> = definePlugin({
  name: 'network-cni',
  version: '0.1.0',
  apiVersion: 1,
  description: 'An address for each pod by CNI plugins, as the configuration in /etc/cni/net.d says',
  provides: { network: podNetwork },
  config: configSchema,
  swap: 'never',
  criticality: 'optional',
  setup({ dataDir, config, log, env }) {
    const network = new CniNetwork(dataDir, config, log, env.timers);
    return {
      provides: { network },
      start: () => network.start(),
      probe: () => network.probe(),
      stop: () => network.stop(),
    };
  },
});

export default plugin;

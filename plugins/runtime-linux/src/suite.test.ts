import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { pluginSuite } from '@timonel/testkit';
import { sandboxConfig } from '@timonel/testkit/contracts/runtime';
import plugin from './index.ts';

let count = 0;

pluginSuite('runtime-linux', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  async load(kernel) {
    const [provider] = kernel.service(containerRuntime).all();
    const id = `load-${++count}`;
    await provider?.service.runSandbox(sandboxConfig(id, kernel.dataDir));
    await provider?.service.removeSandbox(id);
  },
}));

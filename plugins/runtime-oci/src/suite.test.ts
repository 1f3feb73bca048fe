import crun from '@timonel/plugin-runtime-oci/crun';
import runc from '@timonel/plugin-runtime-oci/runc';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { pluginSuite } from '@timonel/testkit';
import { sandboxConfig } from '@timonel/testkit/contracts/runtime';

let count = 0;

for (const definition of [crun, runc]) {
  pluginSuite(definition.name, () => ({
    entry: { definition, source: 'built-in' },
    dependencies: [],
    async load(kernel) {
      const [provider] = kernel.service(containerRuntime).all();
      const id = `load-${++count}`;
      await provider?.service.runSandbox(sandboxConfig(id, kernel.dataDir));
      await provider?.service.removeSandbox(id);
    },
  }));
}

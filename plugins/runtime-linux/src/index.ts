import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { isRootless } from '@timonel/sdk/linux';
import { detectCgroups, withoutCgroups } from '@timonel/sdk/linux/cgroup';
import { configSchema } from './config.ts';
import { checkHost } from './host-checks.ts';
import { LinuxRuntime } from './runtime.ts';

export { checkHost, type HostCheck } from './host-checks.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'runtime-linux',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Runs containers in Linux namespaces and control groups, each under a small monitor process',
  provides: { runtime: containerRuntime },
  config: configSchema,
  swap: 'drain',
  criticality: 'optional',
  async setup(ctx) {
    const failed = (await checkHost()).find((check) => !check.ok);
    if (failed !== undefined)
      throw new Error(`this node cannot run containers: ${failed.name}: ${failed.detail}; ${failed.fix}`);
    const { driver: found } = detectCgroups(undefined, (what) => ctx.log.info({}, what));
    const driver = found ?? (isRootless() ? withoutCgroups() : undefined);
    if (driver === undefined) throw new Error('this node has no usable control groups: run "timonel doctor"');
    const { dataDir, env, log, config } = ctx;
    const runtime = new LinuxRuntime({ dataDir, env, log, cgroups: driver, settings: config });
    ctx.dispose(() => {
      runtime.close();
    });
    return { provides: { runtime }, start: () => runtime.open() };
  },
});

export default plugin;

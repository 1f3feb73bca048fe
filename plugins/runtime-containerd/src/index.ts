import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { images } from '@timonel/sdk/contracts/images';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { detectCgroups } from '@timonel/sdk/linux/cgroup';
import { configSchema } from './config.ts';
import { ContainerdRuntime } from './runtime.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'runtime-containerd',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Runs containers by containerd, through the CRI and the services of its socket',
  provides: { runtime: containerRuntime },
  optional: { images },
  config: configSchema,
  swap: 'drain',
  criticality: 'optional',
  setup(ctx) {
    const { driver } = detectCgroups();
    if (driver === undefined) throw new Error('this node has no usable control groups: run "timonel doctor"');
    const { dataDir, env, log, config } = ctx;
    const runtime = new ContainerdRuntime({
      dataDir,
      cgroups: driver,
      env,
      log,
      settings: config,
      images: () => ctx.deps.images.current,
    });
    ctx.dispose(() => {
      runtime.close();
    });
    return { provides: { runtime }, start: () => runtime.open() };
  },
});

export default plugin;

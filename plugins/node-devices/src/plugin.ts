import { join } from 'node:path';
import { definePlugin, errorMessage, type AnyPlugin } from '@timonel/sdk';
import { nodeDevices } from '@timonel/sdk/contracts/devices';
import { nodeParts } from '@timonel/sdk/contracts/node-parts';
import { kubeletDirectory, PluginWatcher, registryDirectory } from '@timonel/sdk/node-plugins';
import { Allocations } from './allocations.ts';
import { Allocator } from './allocator.ts';
import { configSchema } from './config.ts';
import { KeptServer } from './kept-server.ts';
import { servePodResources } from './pod-resources.ts';
import { devicePluginHandler, devicesDirectory, serveRegistration } from './registration.ts';
import { Sources } from './sources.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'node-devices',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Gives devices of device plugins, which register with the node as with a kubelet, to pods.',
  provides: { devices: nodeDevices, node: nodeParts },
  config: configSchema,
  swap: 'drain',
  criticality: 'optional',
  setup(ctx) {
    const { config, env, log, dataDir } = ctx;
    const reportFault = (error: unknown): void => ctx.reportFault(error);
    const kubelet = kubeletDirectory(config.kubeletDirectory, dataDir);
    const { callTimeoutMs: timeoutMs, goneAfterMs } = config;
    const sources = new Sources({ env, log, timeoutMs, goneAfterMs });
    const allocations = new Allocations(join(dataDir, 'allocations.json'), () => sources.resources);
    const added = (): Promise<void> => allocations.write();
    const handler = devicePluginHandler(sources, added);
    const watcher = new PluginWatcher({ directory: registryDirectory(kubelet), env, log, handler });
    const registration = new KeptServer({
      env,
      log,
      what: 'device plugins cannot register here',
      serve: () => serveRegistration(devicesDirectory(kubelet), sources, { added, reportFault }),
    });
    const lister = new KeptServer({
      env,
      log,
      what: 'nobody can ask here which container has which devices',
      serve: () => servePodResources(kubelet, { sources, allocations }, reportFault),
    });
    return {
      provides: {
        devices: new Allocator({ sources, allocations, log }),
        node: { status: () => sources.status(), onChange: (listener) => sources.onChange(listener) },
      },
      async start() {
        // Only now: one that this plugin takes the place of wrote allocations until a moment ago.
        sources.remember(await allocations.load());
        await watcher.start().catch((error: unknown) => {
          const directory = registryDirectory(kubelet);
          log.warn({ directory, error: errorMessage(error) }, 'device plugins cannot register here');
        });
        await Promise.all([registration.start(), lister.start()]);
      },
      async stop() {
        await Promise.all([registration.close(), lister.close(), watcher.stop()]);
        sources.close();
      },
    };
  },
});

export default plugin;

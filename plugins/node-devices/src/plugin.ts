import { join } from 'node:path';
import { definePlugin, errorMessage, type AnyPlugin } from '@timonel/sdk';
import { nodeDevices } from '@timonel/sdk/contracts/devices';
import { nodeParts } from '@timonel/sdk/contracts/node-parts';
import type { GrpcServer } from '@timonel/sdk/grpc';
import { kubeletDirectory, PluginWatcher, registryDirectory } from '@timonel/sdk/node-plugins';
import { Allocations } from './allocations.ts';
import { Allocator } from './allocator.ts';
import { configSchema } from './config.ts';
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
  async setup(ctx) {
    const { config, env, log, dataDir } = ctx;
    const reportFault = (error: unknown): void => ctx.reportFault(error);
    const kubelet = kubeletDirectory(config.kubeletDirectory, dataDir);
    const { callTimeoutMs: timeoutMs, goneAfterMs } = config;
    const sources = new Sources({ env, log, timeoutMs, goneAfterMs });
    const allocations = new Allocations(join(dataDir, 'allocations.json'), () => sources.resources);
    sources.remember(await allocations.load());
    const added = (): Promise<void> => allocations.write();
    const handler = devicePluginHandler(sources, added);
    const watcher = new PluginWatcher({ directory: registryDirectory(kubelet), env, log, handler });
    let server: GrpcServer | undefined;
    const warn = (directory: string, error: unknown): void => {
      log.warn({ directory, error: errorMessage(error) }, 'device plugins cannot register here');
    };
    return {
      provides: {
        devices: new Allocator({ sources, allocations, log }),
        node: { status: () => sources.status(), onChange: (listener) => sources.onChange(listener) },
      },
      async start() {
        await watcher.start().catch((error: unknown) => warn(registryDirectory(kubelet), error));
        const directory = devicesDirectory(kubelet);
        try {
          server = await serveRegistration(directory, sources, { added, reportFault });
        } catch (error) {
          warn(directory, error);
        }
      },
      async stop() {
        await server?.close();
        await watcher.stop();
        sources.close();
        await allocations.write();
      },
    };
  },
});

export default plugin;

import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { explainers } from '@timonel/sdk/contracts/why';
import { volumeDrivers } from '@timonel/sdk/contracts/volume';
import { runControllers } from '@timonel/sdk/controller';
import { configSchema, totalBytes } from './config.ts';
import { initialObjects } from './initial-objects.ts';
import { localDriver } from './node/driver.ts';
import { partsAt } from './parts.ts';

/** Runs on each node: so the node that has the disk says what is on it, and no two decide about the same room. */
const plugin: AnyPlugin = definePlugin({
  name: 'volumes-local',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Makes volumes as directories of this node, within its capacity, and gives them to pods.',
  provides: { controller, explainers, drivers: volumeDrivers },
  requires: { api: apiClient },
  config: configSchema,
  swap: 'drain',
  async setup(ctx) {
    const { config, deps } = ctx;
    const directory = config.directory === '' ? join(ctx.dataDir, 'volumes') : config.directory;
    await mkdir(directory, { recursive: true, mode: 0o711 });
    const root = await realpath(directory);
    const { nodeName, namespace } = config;
    const place = { nodeName, namespace, root, totalBytes: await totalBytes(config, root) };
    const running = runControllers(ctx, partsAt(place));
    const objects = initialObjects(ctx, deps.api, config);
    return {
      provides: { ...running.provides, drivers: localDriver() },
      async start() {
        await objects.start();
        running.start();
      },
      drain: () => running.drain(),
      async stop(reason) {
        await objects.stop();
        await running.stop(reason);
      },
    };
  },
});

export default plugin;

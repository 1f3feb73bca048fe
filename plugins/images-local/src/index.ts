import { definePlugin, type Env, type Logger, type PluginDefinition } from '@timonel/sdk';
import { images, type ImageService } from '@timonel/sdk/contracts/images';
import { configSchema } from './config.ts';
import { ImageStore } from './image-store.ts';

const plugin: PluginDefinition<{ images: typeof images }, {}, {}, {}, typeof configSchema> = definePlugin({
  name: 'images-local',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Images on this node: imported archives, built directories and timonel.local/node:host',
  provides: { images },
  config: configSchema,
  swap: 'drain',
  async setup({ dataDir, env, log, config }) {
    const store = await ImageStore.open({ dataDir, env, log, config });
    return {
      provides: { images: store },
      start: () => store.sweep(),
      async probe() {
        await store.list();
      },
    };
  },
});

export default plugin;

/**
 * Opens a store for a program other than the running plugin (`timonel image import`), whether or not a cluster has it
 * open: writers wait for each other, and each sees what the others did.
 */
export function openImageStore(options: {
  readonly dataDir: string;
  readonly env: Env;
  readonly log: Logger;
}): Promise<ImageService> {
  return ImageStore.open({ ...options, config: configSchema.parse({}) });
}

import { definePlugin, type Env, type Logger, type PluginDefinition } from '@timonel/sdk';
import { images, type ImageService } from '@timonel/sdk/contracts/images';
import { imageRegistry, type ImageRegistry } from '@timonel/sdk/contracts/registry';
import { configSchema } from './config.ts';
import { ImageStore } from './image-store.ts';
import type { UnpackPool } from './unpack/unpack-pool.ts';

const plugin: PluginDefinition<
  { images: typeof images },
  {},
  { registry: typeof imageRegistry },
  {},
  typeof configSchema
> = definePlugin({
  name: 'images-local',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Images on this node: pulled from registries, imported, built from directories, and timonel.local/node:host',
  provides: { images },
  optional: { registry: imageRegistry },
  config: configSchema,
  swap: 'drain',
  async setup({ dataDir, env, log, config, deps }) {
    const registry = () => deps.registry.current;
    const store = await ImageStore.open({ dataDir, env, log, config, registry });
    return {
      provides: { images: store },
      start: () => store.sweep(),
      stop: () => store.close(),
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
  readonly registry?: () => ImageRegistry | undefined;
  readonly pool?: UnpackPool;
}): Promise<ImageService & { close(): Promise<void> }> {
  return ImageStore.open({ ...options, config: configSchema.parse({}) });
}

import { definePlugin, type AnyPlugin, type Env, type Logger } from '@timonel/sdk';
import { imageRegistry, type ImageRegistry } from '@timonel/sdk/contracts/registry';
import { configSchema } from './config.ts';
import { RegistryClient } from './registry-client.ts';

/** An image registry client of a program's own. */
export interface OpenImageRegistry extends ImageRegistry {
  /** Ends what is under way, and closes the connections. */
  close(): void;
}

/** For a program other than the running plugin. `config`: keys of the plugin's configuration. @throws ZodError */
export function openImageRegistry(options: {
  readonly env: Env;
  readonly log: Logger;
  readonly config?: Readonly<Record<string, unknown>>;
}): OpenImageRegistry {
  const { env, log, config = {} } = options;
  return new RegistryClient({ env, log, config: configSchema.parse(config) });
}

const plugin: AnyPlugin = definePlugin({
  name: 'registry-distribution',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Registries of images by the OCI distribution specification 1.1: mirrors, credentials, tokens, resumed transfers',
  provides: { registry: imageRegistry },
  config: configSchema,
  swap: 'drain',
  setup({ env, log, config }) {
    const registry = new RegistryClient({ env, log, config });
    return {
      provides: { registry },
      stop: () => registry.close(),
    };
  },
});

export default plugin;

import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { valueEncryption } from '@timonel/sdk/contracts/encryption';
import { store } from '@timonel/sdk/contracts/store';
import { z } from 'zod';
import { Encryption } from './encryption.ts';
import { Keyring } from './keyring.ts';
import { masterKey } from './master-key.ts';
import { encryptionRoutes } from './routes.ts';
import { Upkeep } from './upkeep.ts';

/** `secrets`, or `<resource>.<group>`. */
const resourceName = z
  .string()
  .regex(/^[a-z][a-z0-9]*(\.[a-z0-9.-]+)?$/, 'must be RESOURCE or RESOURCE.GROUP, as secrets');

const config = z.strictObject({
  /** What lies sealed in the store: `RESOURCE` or `RESOURCE.GROUP`. */
  resources: z.array(resourceName).min(1).default(['secrets']),
  /** The master key: 32 bytes as base64, the same for all servers. Default: `master.key` of pkiDirectory, or one of this server's own. */
  masterKeyFile: z.string().min(1).optional(),
  /** Where the cluster's authority lies, and the master key beside it: derived from the first authority's when it is not there. */
  pkiDirectory: z.string().min(1).optional(),
  /** `forget`: when the master key was lost, start all the same, with new keys; what the lost ones encrypt is deleted. */
  lostKeys: z.enum(['refuse', 'forget']).default('refuse'),
  /** How often it is looked whether something is left to seal, or a key has no use any more, in ms. */
  upkeepMs: z.int().min(100).default(60_000),
});

function prefixOf(resource: string): string {
  const [name = '', ...group] = resource.split('.');
  return `/registry/${group.length === 0 ? 'core' : group.join('.')}/${name}/`;
}

const plugin: AnyPlugin = definePlugin({
  name: 'encryption-aesgcm',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Keeps Secrets encrypted in the store (AES-256-GCM), by keys that are replaced while the cluster runs.',
  // Without it nobody could read what it has sealed.
  criticality: 'required',
  swap: 'never',
  provides: { encryption: valueEncryption, routes: routeProvider },
  requires: { store },
  config,
  async setup(ctx) {
    const { deps, env, log, dataDir } = ctx;
    const { resources, masterKeyFile, pkiDirectory, lostKeys, upkeepMs } = ctx.config;
    const master = await masterKey({ env, dataDir, file: masterKeyFile, pkiDirectory });
    const deletesLost = lostKeys === 'forget';
    const keyring = new Keyring({
      store: deps.store,
      env,
      masterKey: master.secret,
      masterKeyPlace: master.place,
      forgetsLost: deletesLost,
    });
    const prefixes = resources.map(prefixOf);
    const encryption = new Encryption({ keyring, env, prefixes });
    const parts = { store: deps.store, log, keyring, encryption, prefixes, deletesLost };
    const upkeep = new Upkeep({ ...parts, env, everyMs: upkeepMs });
    const routes = Object.freeze(encryptionRoutes({ ...parts, resources, rotated: () => upkeep.poke() }));
    return {
      provides: { encryption, routes: { routes: () => routes } },
      start: () => upkeep.poke(),
      stop: () => upkeep.stop(),
    };
  },
});

export default plugin;

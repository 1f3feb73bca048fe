import { readFile } from 'node:fs/promises';
import { definePlugin, type PluginDefinition } from '@timonel/sdk';
import { store } from '@timonel/sdk/contracts/store';
import { configSchema, type EtcdStoreConfig } from './config.ts';
import { EtcdStore } from './etcd-store.ts';
import type { TlsMaterial } from './wire/connection.ts';

const plugin: PluginDefinition<{ readonly store: typeof store }, {}, {}, {}, typeof configSchema> = definePlugin({
  name: 'store-etcd',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Keeps the cluster state in an etcd cluster (3.4 or newer) that runs elsewhere.',
  provides: { store },
  config: configSchema,
  swap: 'never',
  criticality: 'required',
  async setup(ctx) {
    const tls = await readTls(ctx.config.tls);
    const etcd = await EtcdStore.open({ env: ctx.env, log: ctx.log, config: ctx.config, tls });
    ctx.dispose(() => etcd.close());
    return { provides: { store: etcd } };
  },
});

async function readTls({ caFile, certFile, keyFile }: EtcdStoreConfig['tls']): Promise<TlsMaterial> {
  const read = async (path: string | undefined): Promise<string | undefined> =>
    path === undefined ? undefined : readFile(path, 'utf8');
  const [ca, cert, key] = await Promise.all([read(caFile), read(certFile), read(keyFile)]);
  return { ca, cert, key };
}

export default plugin;

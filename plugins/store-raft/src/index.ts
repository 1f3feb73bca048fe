import { definePlugin, type PluginDefinition } from '@timonel/sdk';
import { store, storeAdmin } from '@timonel/sdk/contracts/store';
import { configSchema } from './config.ts';
import { RaftStore } from './raft-store.ts';
import { storeMetrics, writeStoreMetrics } from './store-metrics.ts';

export {
  defaultBumpRevision,
  restoreSnapshot,
  type RestoreOptions,
  type RestoreReport,
} from './restore/restore-snapshot.ts';

const plugin: PluginDefinition<
  { readonly store: typeof store; readonly admin: typeof storeAdmin },
  {},
  {},
  {},
  typeof configSchema
> = definePlugin({
  name: 'store-raft',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Keeps the cluster state: replicated by Raft, multi-version, on disk.',
  provides: { store, admin: storeAdmin },
  config: configSchema,
  swap: 'never',
  criticality: 'required',
  async setup(ctx) {
    const raft = await RaftStore.open({
      env: ctx.env,
      log: ctx.log,
      dataDir: ctx.dataDir,
      config: ctx.config,
      onFailure: (error) => ctx.reportFault(error),
    });
    ctx.dispose(() => raft.close());
    ctx.metrics(storeMetrics, (metrics) => writeStoreMetrics(metrics, raft.statusNow()));
    return { provides: { store: raft, admin: raft.admin } };
  },
});

export default plugin;

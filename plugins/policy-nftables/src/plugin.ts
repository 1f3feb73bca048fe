import { join } from 'node:path';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { mustRun } from '@timonel/sdk/command';
import { apiClient } from '@timonel/sdk/contracts/api';
import { networkPolicyEnforcer } from '@timonel/sdk/contracts/network-policy';
import { TableHealth } from '@timonel/sdk/controller';
import { AdmittedFile } from './admitted-file.ts';
import { ClusterView } from './cluster-view.ts';
import { configSchema } from './config.ts';
import { Enforcer } from './enforcer.ts';
import { PolicyTable } from './table/policy-table.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'policy-nftables',
  version: '0.1.0',
  apiVersion: 1,
  description: 'NetworkPolicies for the pods of this node by nftables, in force before the first packet of a pod',
  provides: { enforcer: networkPolicyEnforcer },
  requires: { api: apiClient },
  config: configSchema,
  swap: 'drain',
  criticality: 'optional',
  setup(ctx) {
    const { config, env, log } = ctx;
    const stop = new AbortController();
    const signal = AbortSignal.any([ctx.signal, stop.signal]);
    const table = new PolicyTable(ctx.dataDir, Buffer.from(env.random.bytes(4)).toString('hex'));
    const view: ClusterView = new ClusterView({
      host: ctx,
      api: ctx.deps.api,
      memoryFile: join(ctx.dataDir, 'policies.json'),
      changed: () => enforcer.touch(),
    });
    const file = new AdmittedFile(join(ctx.dataDir, 'admitted.json'), log);
    const { nodeName, minIntervalMs } = config;
    const health = new TableHealth(ctx, ctx.deps.api, { of: 'policies', nodeName });
    const enforcer: Enforcer = new Enforcer({ env, health, view, table, file, nodeName, minIntervalMs, signal });
    return {
      provides: {
        enforcer: {
          admit: (pod, addresses) => enforcer.admit(pod, addresses),
          status: () => Promise.resolve(enforcer.status()),
        },
      },
      async start() {
        await mustRun('nft', ['list', 'tables', 'ip']);
        await view.start();
        await enforcer.start();
      },
      async stop(reason) {
        stop.abort();
        await enforcer.stop();
        await view.stop();
        // After a failure the rules go on protecting the pods, until the next instance has its own.
        const ends = reason === 'disable' || reason === 'swap';
        if (ends || (reason === 'shutdown' && config.onShutdown === 'remove')) await table.remove();
      },
    };
  },
});

export default plugin;

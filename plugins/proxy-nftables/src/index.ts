import { join } from 'node:path';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { forgetTraces, noteTraces } from '@timonel/sdk/command';
import { apiClient } from '@timonel/sdk/contracts/api';
import { parseFamilyRanges } from '@timonel/sdk/contracts/network';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
import { HealthCheckServers, ServiceRuleSync } from '@timonel/sdk/controller';
import { z } from 'zod';
import { NftablesDataPlane } from './data-plane.ts';

const configSchema = z.strictObject({
  /** Where service addresses come from: the same as in service-allocator, of one family or of both. */
  serviceCidr: z
    .string()
    .refine(
      (text) => parseFamilyRanges(text) !== undefined,
      'is not a range such as 10.96.0.0/16, nor one of each family with a comma between',
    )
    .default('10.96.0.0/16'),
  /** The node that it serves: traffic policies and topology hints count for it. Absent: they do not count. */
  nodeName: z.string().optional(),
  /** Ranges of all pods: clients of these are inside of the cluster. */
  clusterCidrs: z.array(z.string()).default([]),
  /** Time between two writes of the tables, at least, in ms. */
  minIntervalMs: z.number().int().min(0).max(10_000).default(20),
  /** `remove`: services end with this process. `keep`: their rules outlive it, as the pods of such a node do. */
  onShutdown: z.enum(['remove', 'keep']).default('remove'),
});

/** Serves ClusterIPs, external IPs and node ports by address translation in the kernel. Needs root and the program nft. */
const plugin: AnyPlugin = definePlugin({
  name: 'proxy-nftables',
  version: '0.1.0',
  apiVersion: 1,
  description: 'services by nftables: address translation in the kernel',
  provides: { proxy: serviceProxy },
  requires: { api: apiClient },
  config: configSchema,
  swap: 'drain',
  setup(ctx) {
    const { config } = ctx;
    const dataPlane = new NftablesDataPlane(ctx.dataDir, config, ctx.log);
    const sync = new ServiceRuleSync(ctx, ctx.deps.api, {
      implementation: 'nftables',
      nodeName: config.nodeName,
      minIntervalMs: config.minIntervalMs,
      dataDir: ctx.dataDir,
      healthChecks: new HealthCheckServers(ctx.log),
      memoryFile: join(ctx.dataDir, 'rules.json'),
      apply: (rules) => dataPlane.apply(rules),
    });
    return {
      provides: {
        proxy: {
          status: () => Promise.resolve(sync.status()),
          resync: () => {
            dataPlane.forget();
            return sync.resync();
          },
        },
      },
      async start() {
        await dataPlane.open();
        await noteTraces(ctx.dataDir, dataPlane.traces);
        await sync.start();
      },
      async stop(reason) {
        await sync.stop();
        const isLeft = reason === 'disable' || reason === 'swap';
        if (config.onShutdown !== 'remove' && !isLeft) return;
        await dataPlane.close();
        await forgetTraces(ctx.dataDir);
      },
    };
  },
});

export default plugin;

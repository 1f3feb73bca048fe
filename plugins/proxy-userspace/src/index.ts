import { join } from 'node:path';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { AddressLink, forgetTraces, noteTraces } from '@timonel/sdk/command';
import { apiClient } from '@timonel/sdk/contracts/api';
import { serviceProxy } from '@timonel/sdk/contracts/proxy';
import { HealthCheckServers, ServiceRuleSync } from '@timonel/sdk/controller';
import { z } from 'zod';
import { UserspaceDataPlane } from './data-plane.ts';
import { linkNameOf } from './link-name.ts';

const config = z.strictObject({
  /**
   * Give the service addresses to a link of the node (needs root and the program ip). Switch it off where they are local
   * anyway, as those of 127.0.0.0/8 are.
   */
  assignAddresses: z.boolean().default(true),
  /** The node that it serves: traffic policies and topology hints count for it. Absent: they do not count. */
  nodeName: z.string().optional(),
  /** Ranges of all pods: clients of these are inside of the cluster. */
  clusterCidrs: z.array(z.string()).default([]),
  /** Time between two changes of the listeners, at least, in ms. */
  minIntervalMs: z.number().int().min(0).max(10_000).default(20),
});

/** Time that connections have to end when another proxy takes over. Those that last longer are cut. */
const swapGraceMs = 5000;

/** Serves ClusterIPs and node ports by piping connections in this process. For machines without nft, and without root. */
const plugin: AnyPlugin = definePlugin({
  name: 'proxy-userspace',
  version: '0.1.0',
  apiVersion: 1,
  description: 'services by a proxy in this process: TCP and UDP, needs no nft',
  provides: { proxy: serviceProxy },
  requires: { api: apiClient },
  config,
  swap: 'drain',
  setup(ctx) {
    const { env, log } = ctx;
    const link = ctx.config.assignAddresses ? new AddressLink(linkNameOf(ctx.dataDir)) : undefined;
    const dataPlane = new UserspaceDataPlane({ env, log, link, clusterCidrs: ctx.config.clusterCidrs });
    const healthChecks = new HealthCheckServers(log);
    const sync = new ServiceRuleSync(ctx, ctx.deps.api, {
      implementation: 'userspace',
      nodeName: ctx.config.nodeName,
      minIntervalMs: ctx.config.minIntervalMs,
      memoryFile: join(ctx.dataDir, 'rules.json'),
      dataDir: ctx.dataDir,
      healthChecks,
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
        if (link !== undefined)
          await noteTraces(ctx.dataDir, { service: serviceProxy.id, tables: [], links: [link.name] });
        await dataPlane.open();
        await sync.start();
      },
      async stop(reason) {
        await sync.stop();
        await dataPlane.close(reason === 'swap' ? swapGraceMs : 0);
        await forgetTraces(ctx.dataDir);
      },
    };
  },
});

export default plugin;

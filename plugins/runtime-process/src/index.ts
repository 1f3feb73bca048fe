import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { ProcessTable } from './process-table.ts';
import { isolation, ProcessHost, ProcessRuntime } from './process-runtime.ts';

/** By data directory: a plugin that is restarted or swapped finds its processes again. Empty ones are forgotten. */
const hosts = new Map<string, ProcessHost>();

const plugin: AnyPlugin = definePlugin({
  name: 'runtime-process',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Runs containers as plain child processes: NO isolation; for machines where nothing better works',
  provides: { runtime: containerRuntime },
  swap: 'drain',
  criticality: 'optional',
  setup(ctx) {
    const host = hosts.get(ctx.dataDir) ?? new ProcessHost();
    hosts.set(ctx.dataDir, host);
    const table = new ProcessTable(ctx.dataDir);
    const runtime = new ProcessRuntime(ctx.env, ctx.log, table, host);
    ctx.dispose(() => {
      if (host.sandboxes.size === 0) hosts.delete(ctx.dataDir);
    });
    return {
      provides: { runtime },
      async start() {
        ctx.log.warn(
          { isolation },
          'containers run as PLAIN PROCESSES of this host: they see its files, processes and network, and memory and cpu limits are NOT enforced',
        );
        if (host.sandboxes.size > 0) return;
        const ended = await table.endLeftOvers();
        if (ended > 0) ctx.log.warn({ ended }, 'processes of a former run were still there and have been killed');
      },
      async stop(reason) {
        if (reason === 'shutdown' || reason === 'disable') await runtime.endAll();
      },
    };
  },
});

export default plugin;

import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { detectCgroups } from '@timonel/sdk/linux/cgroup';
import { configSchema } from './config.ts';
import { findPrograms, type OciKind } from './host.ts';
import { OciRuntime } from './runtime.ts';

/** One plugin for each OCI runtime, so that both stand beside each other on a node: the handler is the plugin's name. */
export function ociPlugin(kind: OciKind): AnyPlugin {
  return definePlugin({
    name: `runtime-${kind}`,
    version: '0.1.0',
    apiVersion: 1,
    description: `Runs containers by ${kind} of the node, each under conmon; for pods whose RuntimeClass has the handler "${kind}"`,
    provides: { runtime: containerRuntime },
    config: configSchema,
    swap: 'drain',
    criticality: 'optional',
    async setup(ctx) {
      const { dataDir, env, log, config } = ctx;
      const say = (what: string): void => log.warn({ what }, 'this kernel lacks something that pods ask for');
      const { driver } = detectCgroups(undefined, say);
      if (driver === undefined) throw new Error('this node has no usable control groups: run "timonel doctor"');
      const { reason } = findPrograms(kind, config);
      if (reason !== '') log.warn({ reason }, `${kind} is not ready`);
      const runtime = new OciRuntime({ kind, dataDir, env, log, cgroups: driver, settings: config });
      ctx.dispose(() => {
        runtime.close();
      });
      return { provides: { runtime }, start: () => runtime.open() };
    },
  });
}

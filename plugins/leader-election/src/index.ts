import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { Informer } from '@timonel/sdk/controller';
import { leases } from '@timonel/sdk/kube';
import { electionConfig } from './config.ts';
import { Elector } from './elector.ts';
import { ownIdentity } from './identity.ts';
import { LeaseClient } from './lease-client.ts';
import { holderOf } from './lease-spec.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'leader-election',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Elects, by a Lease, the control plane whose controllers and scheduler work.',
  provides: { leadership },
  requires: { api: apiClient },
  config: electionConfig,
  // Without it everything would work everywhere: better none than several.
  criticality: 'required',
  swap: 'drain',
  async setup(ctx) {
    const { config, env, log } = ctx;
    const identity = config.identity ?? (await ownIdentity(ctx.dataDir, env));
    const name = { namespace: config.leaseNamespace, name: config.leaseName };
    const client = new LeaseClient(ctx.deps.api, name, ctx.name);
    const elector = new Elector({ client, identity, config, env, log, reportFault: (error) => ctx.reportFault(error) });
    // Only to hear at once of a lease that was released: what counts is read and written by the elector.
    const watched = new Informer(ctx, ctx.deps.api, leases, {
      namespace: name.namespace,
      fieldSelector: `metadata.name=${name.name}`,
    });
    watched.addHandler({
      updated: (lease) => {
        if (holderOf(lease) === undefined) elector.hurry();
      },
      deleted: () => elector.hurry(),
    });
    return {
      provides: { leadership: elector },
      async start() {
        watched.start();
        await elector.start();
      },
      async stop() {
        await elector.stop();
        await watched.stop();
      },
    };
  },
});

export default plugin;

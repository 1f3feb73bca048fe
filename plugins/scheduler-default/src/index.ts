import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { scheduler, schedulingPlugins } from '@timonel/sdk/contracts/scheduler';
import { profileScheduler, profilesConfig } from '@timonel/sdk/scheduling/profiles';

/** Places pods as the Kubernetes scheduler does: same rules, same names of plugins, same weights. */
const plugin: AnyPlugin = definePlugin({
  name: 'scheduler-default',
  version: '0.2.0',
  apiVersion: 1,
  description: 'spreads pods: the nodes with most room first, by the rules of the Kubernetes scheduler',
  provides: { scheduler, routes: routeProvider },
  optional: { plugins: schedulingPlugins },
  config: profilesConfig,
  swap: 'drain',
  setup: (ctx) => ({ provides: profileScheduler(ctx) }),
});

export default plugin;

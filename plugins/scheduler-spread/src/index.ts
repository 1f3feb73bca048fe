import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { scheduler, schedulingPlugins } from '@timonel/sdk/contracts/scheduler';
import { profileBase, profileScheduler, profilesConfig, type ProfileBase } from '@timonel/sdk/scheduling/profiles';
import { evenSpread } from './even-spread.ts';

/** Where pods that are alike lie counts more than how full nodes are. What a pod prefers itself counts with them. */
const spreading: ProfileBase = profileBase({
  plugins: [
    { name: 'EvenSpread', weight: 20 },
    { name: 'PodTopologySpread', weight: 20 },
  ],
});

/** Spreads pods of one kind evenly over zones, and over the nodes of a zone, whether they ask for it or not. */
const plugin: AnyPlugin = definePlugin({
  name: 'scheduler-spread',
  version: '0.1.0',
  apiVersion: 1,
  description: 'spreads pods of a kind evenly over zones and nodes',
  provides: { scheduler, routes: routeProvider },
  optional: { plugins: schedulingPlugins },
  config: profilesConfig,
  swap: 'drain',
  setup: (ctx) => ({
    provides: profileScheduler(ctx, { base: spreading, own: [['EvenSpread', evenSpread]] }),
  }),
});

export default plugin;

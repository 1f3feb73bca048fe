import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { scheduler, schedulingPlugins } from '@timonel/sdk/contracts/scheduler';
import { profileBase, profileScheduler, profilesConfig, type ProfileBase } from '@timonel/sdk/scheduling/profiles';
import { explicitSpread, fullestFirst } from './packing.ts';

/** Without the scores of the default profile that draw pods to empty nodes or away from each other. */
const packing: ProfileBase = profileBase({
  disabled: ['NodeResourcesBalancedAllocation', 'ImageLocality'],
  plugins: [
    { name: 'NodeResourcesFit', config: { scoringStrategy: { type: 'MostAllocated' } } },
    { name: 'FullestFirst', weight: 0.1 },
  ],
});

/** Fills nodes one after the other, so that whole nodes stay free for large pods or can be switched off. */
const plugin: AnyPlugin = definePlugin({
  name: 'scheduler-binpack',
  version: '0.2.0',
  apiVersion: 1,
  description: 'packs pods: the fullest node that still has room first',
  provides: { scheduler, routes: routeProvider },
  optional: { plugins: schedulingPlugins },
  config: profilesConfig,
  swap: 'drain',
  setup: (ctx) => ({
    provides: profileScheduler(ctx, {
      base: packing,
      own: [
        ['FullestFirst', fullestFirst],
        ['PodTopologySpread', explicitSpread],
      ],
    }),
  }),
});

export default plugin;

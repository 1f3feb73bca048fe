import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import {
  mostAllocated,
  mostPods,
  preferredNodeAffinity,
  preferredTaints,
  ruleScheduler,
  scheduler,
  standardFilters,
} from '@timonel/sdk/contracts/scheduler';

/** Fills nodes one after the other, so that whole nodes stay free for large pods or can be switched off. */
const plugin: AnyPlugin = definePlugin({
  name: 'scheduler-binpack',
  version: '0.1.0',
  apiVersion: 1,
  description: 'packs pods: the fullest node that still has room first',
  provides: { scheduler },
  swap: 'drain',
  setup: () => ({
    provides: {
      scheduler: ruleScheduler({
        filters: standardFilters,
        scores: [mostAllocated(1), preferredTaints(3), preferredNodeAffinity(2), mostPods(0.1)],
      }),
    },
  }),
});

export default plugin;

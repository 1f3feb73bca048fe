import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import {
  balancedAllocation,
  fewestPods,
  leastAllocated,
  preferredNodeAffinity,
  preferredTaints,
  ruleScheduler,
  scheduler,
  standardFilters,
} from '@timonel/sdk/contracts/scheduler';

/** Spreads pods over the nodes with most room, with the weights of the Kubernetes scheduler. */
const plugin: AnyPlugin = definePlugin({
  name: 'scheduler-default',
  version: '0.1.0',
  apiVersion: 1,
  description: 'spreads pods: the nodes with most room first',
  provides: { scheduler },
  swap: 'drain',
  setup: () => ({
    provides: {
      scheduler: ruleScheduler({
        filters: standardFilters,
        scores: [
          leastAllocated(1),
          balancedAllocation(1),
          preferredTaints(3),
          preferredNodeAffinity(2),
          // Decides only among nodes that are equal otherwise: pods without requests would pile up.
          fewestPods(0.1),
        ],
      }),
    },
  }),
});

export default plugin;

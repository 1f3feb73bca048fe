/** Puts every pod on the cheapest node that can take it. Nodes say their price in the label `node.timonel.dev/price`. */
import { definePlugin } from '@timonel/sdk';
import { scheduler } from '@timonel/sdk/contracts/scheduler';
import { schedulerOf, standardFilters } from '@timonel/sdk/scheduling';
import { perNodeScore } from '@timonel/sdk/scheduling/rules';

const cheapest = perNodeScore(
  'Cheapest',
  (_pod, { labels }) => {
    const price = Number.parseFloat(labels['node.timonel.dev/price'] ?? '');
    return price >= 0 ? 1 / (1 + price) : 0;
  },
  { normalize: 'max' },
);

export default definePlugin({
  name: 'scheduler-cheapest',
  version: '1.0.0',
  apiVersion: 1,
  description: 'the cheapest node that has room',
  provides: { scheduler },
  setup: ({ env }) => ({
    provides: { scheduler: schedulerOf({ plugins: [...standardFilters(), cheapest], timers: env.timers }) },
  }),
});

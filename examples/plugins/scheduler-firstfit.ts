/** Puts every pod on the first node, by name, that can take it. */
import { definePlugin } from '@timonel/sdk';
import { ruleScheduler, scheduler, standardFilters, type ScoreRule } from '@timonel/sdk/contracts/scheduler';

const firstByName: ScoreRule = {
  name: 'FirstFit',
  weight: 1,
  score(_pending, { table }, candidates, scores) {
    const order = table.names.map((name, index) => ({ name, index })).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const [place, { index }] of order.entries()) {
      if (candidates.isIn(index)) scores[index] = 100 * (1 - place / table.count);
    }
  },
};

export default definePlugin({
  name: 'scheduler-firstfit',
  version: '1.0.0',
  apiVersion: 1,
  description: 'the first node by name that has room',
  provides: { scheduler },
  setup: () => ({
    provides: { scheduler: ruleScheduler({ filters: standardFilters, scores: [firstByName] }) },
  }),
});

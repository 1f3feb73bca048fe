/** Takes the nodes in turn, and tells its successor whose turn it is. */
import { definePlugin } from '@timonel/sdk';
import { ruleScheduler, scheduler, standardFilters } from '@timonel/sdk/contracts/scheduler';

export default definePlugin({
  name: 'scheduler-roundrobin',
  version: '1.0.0',
  apiVersion: 1,
  description: 'the nodes in turn',
  provides: { scheduler },
  swap: 'handover',
  setup() {
    let turn = 0;
    const inTurn = ruleScheduler({
      filters: standardFilters,
      scores: [
        {
          name: 'RoundRobin',
          weight: 1,
          score(_pending, { table }, candidates, scores) {
            for (let step = 0; step < table.count; step += 1) {
              const index = (turn + step) % table.count;
              if (candidates.isIn(index)) scores[index] = 100 * (1 - step / table.count);
            }
            turn += 1;
          },
        },
      ],
    });
    return {
      provides: { scheduler: inTurn },
      exportState: () => ({ turn }),
      importState(state) {
        const from = (state as { turn?: unknown } | undefined)?.turn;
        if (typeof from === 'number') turn = from;
      },
    };
  },
});

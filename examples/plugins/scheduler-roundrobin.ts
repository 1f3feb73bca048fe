/** Takes the nodes in turn, and tells its successor whose turn it is. */
import { definePlugin } from '@timonel/sdk';
import { scheduler, type SchedulingPlugin } from '@timonel/sdk/contracts/scheduler';
import { schedulerOf, standardFilters } from '@timonel/sdk/scheduling';

export default definePlugin({
  name: 'scheduler-roundrobin',
  version: '1.0.0',
  apiVersion: 1,
  description: 'the nodes in turn',
  provides: { scheduler },
  swap: 'handover',
  setup({ env }) {
    let turn = 0;
    const inTurn: SchedulingPlugin = {
      name: 'RoundRobin',
      scoreScope: 'cluster',
      score(_pod, { rows, count, view: { size } }, scores) {
        for (const row of rows.subarray(0, count)) {
          const steps = (row - (turn % size) + size) % size;
          scores[row] = 100 * (1 - steps / size);
        }
        turn += 1;
      },
    };
    return {
      provides: { scheduler: schedulerOf({ plugins: [...standardFilters(), inTurn], timers: env.timers }) },
      exportState: () => ({ turn }),
      importState(state) {
        const from = (state as { turn?: unknown } | undefined)?.turn;
        if (typeof from === 'number') turn = from;
      },
    };
  },
});

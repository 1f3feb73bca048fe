/** Puts every pod on the first node, by name, that can take it. */
import { definePlugin } from '@timonel/sdk';
import { scheduler, type SchedulingPlugin } from '@timonel/sdk/contracts/scheduler';
import { schedulerOf, standardFilters } from '@timonel/sdk/scheduling';

const firstByName: SchedulingPlugin = {
  name: 'FirstByName',
  // What a node is worth depends on the others.
  scoreScope: 'cluster',
  score(_pod, { rows, count, view: { names } }, scores) {
    const nameOf = (row: number): string => names[row] ?? '';
    const order = [...rows.subarray(0, count)].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    for (const [place, row] of order.entries()) scores[row] = 100 * (1 - place / count);
  },
};

export default definePlugin({
  name: 'scheduler-firstfit',
  version: '1.0.0',
  apiVersion: 1,
  description: 'the first node by name that has room',
  provides: { scheduler },
  setup: ({ env }) => ({
    provides: { scheduler: schedulerOf({ plugins: [...standardFilters(), firstByName], timers: env.timers }) },
  }),
});

/** A thousand swaps of the scheduler in one run, while 500 pods a second come. */
import { expect, it } from '@jest/globals';
import storeMemory from '@timonel/plugin-store-memory';
import { percentile } from '../bench/figures.ts';
import { runSwaps } from '../support/scheduler-swaps.ts';

it('is swapped a thousand times under load: no pod is lost, none is bound twice', async () => {
  const run = await runSwaps({ store: storeMemory, swaps: 1000, perSecond: 500, nodes: 100 });
  const pause = (share: number): string => percentile(run.pausesMs, share).toFixed(2);
  process.stderr.write(
    `${run.pausesMs.length} swaps in ${run.seconds.toFixed(0)} s at ${run.account.perSecond.toFixed(0)} pods/s: ` +
      `pause p50 ${pause(0.5)} ms, p99 ${pause(0.99)} ms, longest ${pause(1)} ms; ` +
      `longest time without a binding ${run.longestGapMs.toFixed(0)} ms\n`,
  );
  expect(run.pausesMs).toHaveLength(1000);
  const { lost, boundTwice, created } = run.account;
  expect({ lost, boundTwice }).toEqual({ lost: [], boundTwice: [] });
  const { toldTwice, toldOtherwise, boundBy } = run;
  expect({ toldTwice, toldOtherwise }).toEqual({ toldTwice: [], toldOtherwise: [] });
  expect([...boundBy.values()].reduce((sum, count) => sum + count, 0)).toBe(created);
  expect([...boundBy.keys()].sort()).toEqual(
    ['binpack', 'default', 'gang', 'spread'].map((name) => `scheduler-${name}`),
  );
}, 300_000);

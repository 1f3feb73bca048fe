/** The scheduler is swapped again and again while pods come: how long calls wait for the new one. */
import storeRaft from '@timonel/plugin-store-raft';
import { runSwaps } from '../support/scheduler-swaps.ts';
import type { Bench, BenchOptions } from './bench.ts';
import type { Figure } from './figures.ts';

const bench = 'scheduler-swaps';
const perSecond = 500;
const swaps = 1000;

async function runBench({ rounds, note }: BenchOptions): Promise<readonly Figure[]> {
  const pauses: number[] = [];
  const gaps: number[] = [];
  let lost = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const run = await runSwaps({ store: storeRaft, swaps, perSecond, nodes: 1000 });
    const { account, seconds, pausesMs, longestGapMs } = run;
    pauses.push(...pausesMs);
    gaps.push(longestGapMs);
    lost += account.lost.length + account.boundTwice.length;
    note(
      `round ${round} of ${rounds}: ${pausesMs.length} swaps in ${seconds.toFixed(1)} s at ${account.perSecond.toFixed(0)} pods/s, ` +
        `${account.lost.length} of ${account.created} pods lost, ${account.boundTwice.length} bound twice`,
    );
  }
  return [
    { bench, name: `pause of a swap at ${perSecond} pods/s`, unit: 'ms', wanted: { p99: 50 }, samples: pauses },
    { bench, name: 'longest time without a binding in a run', unit: 'ms', samples: gaps },
    {
      bench,
      name: 'pods lost or bound twice, against none',
      unit: '×',
      verdict: { wanted: 'none', met: lost === 0 },
      samples: [lost],
    },
  ];
}

export const schedulerSwaps: Bench = {
  name: bench,
  description: `${swaps} swaps of the scheduler at ${perSecond} pods/s: pause of each, pods lost or bound twice`,
  needsRoot: false,
  defaultRounds: 1,
  run: runBench,
};

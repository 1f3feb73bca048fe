import { describe, expect, it } from '@jest/globals';
import { Chaos } from './testing/chaos.ts';

/** RAFT_SEEDS=FROM-TO runs others. */
const [from = 1, to = 60] = (process.env['RAFT_SEEDS'] ?? '1-60').split('-').map(Number);
const steps = 4000;

describe('random runs: loss, duplicates, reordering, partitions, crashes, changes of membership', () => {
  it(`keep election safety, log matching, leader completeness and state machine safety (seeds ${from} to ${to})`, () => {
    const sums = {
      committed: 0,
      terms: 0,
      requests: 0,
      membershipChanges: 0,
      installs: 0,
      readsAnswered: 0,
      restarts: 0,
    };
    for (let seed = from; seed <= to; seed++) {
      try {
        const result = new Chaos(seed).run(steps);
        for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += result[key];
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    // A run in which nothing happens proves nothing.
    const seeds = to - from + 1;
    for (const [key, sum] of Object.entries(sums)) expect([key, sum > seeds]).toEqual([key, true]);
  }, 120_000);

  it('are equal for equal seeds', () => {
    expect(new Chaos(7).run(steps)).toEqual(new Chaos(7).run(steps));
    expect(new Chaos(7).run(steps).trace).not.toBe(new Chaos(8).run(steps).trace);
  });
});

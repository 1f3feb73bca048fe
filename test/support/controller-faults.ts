/**
 * Controllers under faults, as Sieve (OSDI 2022) has them: states that a crash leaves half-way, caches that show the past, changes
 * that are never seen. The oracle: the same end state and the same numbers of creations and deletions as without faults, and
 * nothing left over. And without faults: where there is nothing to do, nothing is written.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FaultBed } from './controller-faults/bed.ts';
import { run, type Faults, type Outcome } from './controller-faults/run.ts';
import type { FaultScenario } from './controller-faults/scenario.ts';

export type { FaultScenario, Life, Tally } from './controller-faults/scenario.ts';

const limitMs = 120_000;
/** Crashes after each of the first writes, and after some of the later ones. */
const firstWrites = 6;

/** 1, 2, … 6 and then evenly up to the last write, `most` numbers at most. */
export function crashPoints(writes: number, most: number): number[] {
  const first = Array.from({ length: Math.min(firstWrites, writes, most) }, (_, index) => index + 1);
  const further = Math.min(writes - first.length, most - first.length);
  const step = (writes - first.length) / Math.max(1, further);
  const later = Array.from({ length: Math.max(0, further) }, (_, index) =>
    Math.round(first.length + step * (index + 1)),
  );
  return [...first, ...later];
}

/** Declares the tests of one scenario. They share two API servers and a store; each run has a namespace of its own. */
export function describeFaults(scenario: FaultScenario): void {
  describe(`${scenario.name} under faults`, () => {
    let bed: FaultBed;
    let faultless: Outcome | undefined;
    let writes = 0;
    beforeAll(async () => {
      bed = await FaultBed.start(scenario);
    }, limitMs);
    afterAll(async () => {
      await bed[Symbol.asyncDispose]();
    });

    const sameAsWithout = async (faults: Faults): Promise<boolean> => {
      if (faultless === undefined) throw new Error('without faults it does not work either');
      const { outcome, crashed } = await run(bed, faults);
      expect({ faults, ...outcome }).toEqual({ faults, ...faultless });
      return crashed;
    };

    it(
      'without faults, and at rest when there is nothing to do',
      async () => {
        const result = await run(bed, {}, true);
        const expected = { tallies: scenario.faultless, left: [], remembered: expect.any(Object) };
        expect(result.outcome).toEqual(expected);
        expect({ writesWhileAtRest: result.restless }).toEqual({ writesWhileAtRest: 0 });
        faultless = result.outcome;
        ({ writes } = result);
      },
      limitMs,
    );

    it(
      'a crash after the n-th write, for n = 1, 2, …',
      async () => {
        expect(writes).toBeGreaterThan(0);
        let crashes = 0;
        for (const crashAfterWrites of crashPoints(writes, scenario.crashes ?? 12)) {
          if (await sameAsWithout({ crashAfterWrites })) crashes += 1;
        }
        // Writes of the last ones may have been merged.
        expect(crashes).toBeGreaterThanOrEqual(Math.min(firstWrites, writes - 1));
      },
      limitMs,
    );

    it.each([5, 25])(
      'caches that lag by %i ms a change',
      async (watchDelayMs) => {
        await sameAsWithout({ watchDelayMs });
      },
      limitMs,
    );

    it(
      'watches that expire all the time, so that changes are missed',
      async () => {
        await sameAsWithout({ expireAfterEvents: 2 });
      },
      limitMs,
    );

    it.each([{ loseAnswerOfEach: 2 }, { loseAnswerOfEach: 3, watchDelayMs: 15 }])(
      'writes that are carried out and then said to have timed out: %p',
      async (faults) => {
        if (faultless === undefined) throw new Error('without faults it does not work either');
        const { outcome, writes: made } = await run(bed, faults);
        const { loseAnswerOfEach } = faults;
        expect(made).toBeGreaterThanOrEqual(loseAnswerOfEach);
        const { left, remembered } = faultless;
        expect(outcome).toMatchObject({ left, remembered });
        // Of what has no name of its own, one too many may be made, and deleted, for each answer that was lost.
        const lost = Math.ceil(made / loseAnswerOfEach);
        for (const [type, tally] of Object.entries(outcome.tallies)) {
          const least = faultless.tallies[type]?.made ?? 0;
          expect(tally.made - least).toBeGreaterThanOrEqual(0);
          expect(tally.made - least).toBeLessThanOrEqual(lost);
          expect(tally.made - tally.deleted).toBe(0);
        }
      },
      limitMs,
    );

    it(
      'a restart against an API server whose caches show the past',
      async () => {
        const points = crashPoints(writes, 12).filter((_, index) => index % 3 === 1);
        for (const crashAfterWrites of points) await sameAsWithout({ crashAfterWrites, restartInThePast: true });
      },
      limitMs,
    );
  });
}

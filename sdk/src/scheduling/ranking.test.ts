import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BlockTops, rank } from './ranking.ts';

const total = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constant(Number.NEGATIVE_INFINITY));

/** One after the other, without any short way. */
function simple(totals: readonly number[], start: number): number[] {
  const totalOf = (row = -1): number => totals[row] ?? Number.NEGATIVE_INFINITY;
  const rows = totals
    .map((_, step) => (start + step) % totals.length)
    .filter((row) => totalOf(row) > Number.NEGATIVE_INFINITY);
  rows.sort((a, b) => totalOf(b) - totalOf(a));
  return [0, 1, 2].map((place) => totalOf(rows[place]));
}

it('finds the best three, the first of equals, with block tops and without, also after changes', () => {
  const changes = fc.array(fc.tuple(fc.nat(199), total), { maxLength: 20 });
  fc.assert(
    fc.property(fc.array(total, { minLength: 1, maxLength: 200 }), changes, fc.nat(), (list, later, from) => {
      const tops = new BlockTops();
      const totals = Float64Array.from(list);
      tops.of(totals, list.length);
      for (const [row, value] of later) {
        if (row >= list.length) continue;
        totals[row] = value;
        tops.touch(row);
      }
      const start = from % list.length;
      const wanted = simple([...totals], start);
      for (const known of [undefined, tops.of(totals, list.length)]) {
        const found = rank(totals, list.length, start, known);
        const { first, second, third } = found;
        expect([first, second, third].map((row) => totals[row] ?? Number.NEGATIVE_INFINITY)).toEqual(wanted);
        const steps = (row: number): number => (row - start + list.length) % list.length;
        const equals = [...totals.keys()].filter((row) => totals[row] === totals[first]);
        if (first >= 0) expect(steps(first)).toBe(Math.min(...equals.map(steps)));
        expect(new Set([first, second, third].filter((row) => row >= 0)).size).toBe(
          wanted.filter((value) => value > Number.NEGATIVE_INFINITY).length,
        );
      }
    }),
    { numRuns: 500 },
  );
});

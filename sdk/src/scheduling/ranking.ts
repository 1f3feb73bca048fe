/** Finds the best rows. */

/** The best three, the first of equals from a place on that differs each time: equal nodes share the pods. */
export interface Ranking {
  first: number;
  second: number;
  third: number;
}

const nobody = Number.NEGATIVE_INFINITY;

/** -1: there is none. `totals`: negative infinity for rows that are no candidates. */
export function rank(totals: Float64Array, size: number, start: number): Ranking {
  let first = -1;
  let second = -1;
  let third = -1;
  let best = nobody;
  let next = nobody;
  let last = nobody;
  for (let half = 0; half < 2; half += 1) {
    const from = half === 0 ? start : 0;
    const to = half === 0 ? size : start;
    for (let row = from; row < to; row += 1) {
      const total = totals[row] as number;
      if (total <= last) continue;
      if (total > best) {
        third = second;
        last = next;
        second = first;
        next = best;
        first = row;
        best = total;
      } else if (total > next) {
        third = second;
        last = next;
        second = row;
        next = total;
      } else {
        third = row;
        last = total;
      }
    }
  }
  return { first, second, third };
}

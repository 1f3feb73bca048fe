import type { NodeBatch } from '../../contracts/scheduler/index.ts';

/** The row of the batch with the lowest measure, the first of several. */
export function nearestRow({ rows, count }: NodeBatch, measure: (row: number) => number): number {
  let nearest = rows[0] as number;
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    const value = measure(row);
    if (value >= least) continue;
    least = value;
    nearest = row;
  }
  return nearest;
}

/** Costs before anything runs. */
import type { CelProgram } from '../program.ts';

/** Least and greatest cost of an evaluation. */
export interface CelCostRange {
  readonly min: number;
  readonly max: number;
}

/**
 * Cost before anything runs: the worst case for values of the declared types, whose schemas say how large they get (`maxLength`,
 * `maxItems`, `maxProperties`, or else what fits into a request). `sizes` states more: characters or elements of values by their
 * path, such as `self.items` or `self.names.@items` (elements; `@keys` and `@values` of maps).
 */
export function estimateCost(_program: CelProgram, _sizes?: Readonly<Record<string, number>>): CelCostRange {
  throw new Error('not there yet');
}

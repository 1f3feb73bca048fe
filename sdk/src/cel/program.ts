/** From the text of an expression to something that can be evaluated often. */
import type { CelEnvironment } from './environment.ts';
import type { CelProblem } from './problem.ts';
import type { CelType } from './types/type.ts';
import type { CelValue } from './values/value.ts';

export interface CelRun {
  /** Evaluation ends beyond it; `perCallCostLimit` unless given. */
  readonly costLimit?: number;
  /** Asked from time to time; evaluation ends, as beyond its cost, once it says yes (a deadline has passed). */
  readonly interrupted?: () => boolean;
}

export type CelOutcome =
  | { readonly ok: true; readonly value: CelValue; readonly cost: number }
  | { readonly ok: false; readonly kind: 'error' | 'cost'; readonly message: string; readonly cost: number };

/** Immutable; may be evaluated any number of times. */
export interface CelProgram {
  readonly expression: string;
  readonly resultType: CelType;
  /**
   * Variables are plain JSON of the declared types, or CEL values. Those that are missing are an error only where they are read.
   * Never throws; an authorizer has to answer at once here.
   */
  evaluate(variables: Readonly<Record<string, unknown>>, run?: CelRun): CelOutcome;
  /** The same where an authorizer may answer with a promise: evaluated anew once it has answered, so variables must not change. */
  evaluateAsync(variables: Readonly<Record<string, unknown>>, run?: CelRun): Promise<CelOutcome>;
}

export type CelCompilation =
  | { readonly ok: true; readonly program: CelProgram }
  | { readonly ok: false; readonly problems: readonly CelProblem[] };

/** Parses and checks; never throws, however hostile the text. */
export function compile(_expression: string, _environment: CelEnvironment): CelCompilation {
  throw new Error('not there yet');
}

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

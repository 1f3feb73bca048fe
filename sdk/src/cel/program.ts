/** From the text of an expression to something that can be evaluated often. */
import { Checker } from './check/checker.ts';
import type { Checked } from './check/checked.ts';
import { problemsOfLiterals } from './check/literals.ts';
import { variablesOf } from './check/variables.ts';
import type { CelEnvironment } from './environment.ts';
import { CodeBuilder, type Code } from './evaluate/build.ts';
import { run, runAsync } from './evaluate/run.ts';
import { maxExpressionLength } from './limits.ts';
import type { CelProblem } from './problem.ts';
import { Parser } from './syntax/parser.ts';
import { CelSyntaxError, problemAt } from './syntax/problem.ts';
import { typeName, type CelType } from './types/type.ts';
import type { CelValue } from './values/value.ts';

export interface CelRun {
  /** Evaluation ends beyond it; `perCallCostLimit` unless given. */
  readonly costLimit?: number;
  /** Evaluation ends, as beyond its cost, when it did so much; `maxWork` unless given, and at most. */
  readonly workLimit?: number;
  /** Asked from time to time; evaluation ends, as beyond its cost, once it says yes (a deadline has passed). */
  readonly interrupted?: () => boolean;
}

export type CelOutcome =
  | ({ readonly ok: true; readonly value: CelValue } & CelExpense)
  | ({ readonly ok: false; readonly kind: 'error' | 'cost'; readonly message: string } & CelExpense);

export interface CelExpense {
  readonly cost: number;
  /** What it did beyond its cost, in characters and elements. */
  readonly work: number;
}

/** Immutable; may be evaluated any number of times. */
export interface CelProgram {
  readonly expression: string;
  readonly resultType: CelType;
  /** Those of the environment that the expression reads. */
  readonly variables: ReadonlySet<string>;
  /**
   * Variables are plain JSON of the declared types, or CEL values. Those that are missing are an error only where they are read.
   * Never throws; an authorizer has to answer at once here.
   */
  evaluate(variables: Readonly<Record<string, unknown>>, options?: CelRun): CelOutcome;
  /** The same where an authorizer may answer with a promise: evaluated anew once it has answered, so variables must not change. */
  evaluateAsync(variables: Readonly<Record<string, unknown>>, options?: CelRun): Promise<CelOutcome>;
}

export type CelCompilation =
  | { readonly ok: true; readonly program: CelProgram }
  | { readonly ok: false; readonly problems: readonly CelProblem[] };

class Program implements CelProgram {
  readonly expression: string;
  readonly resultType: CelType;
  readonly variables: ReadonlySet<string>;
  readonly checked: Checked;
  readonly #code: Code;

  constructor(expression: string, checked: Checked, resultType: CelType, environment: CelEnvironment) {
    this.expression = expression;
    this.checked = checked;
    this.resultType = resultType;
    this.variables = variablesOf(checked);
    this.#code = new CodeBuilder(checked, environment.variables, this.variables).build();
  }

  evaluate(variables: Readonly<Record<string, unknown>>, options: CelRun = {}): CelOutcome {
    return run(this.#code, variables, options);
  }

  evaluateAsync(variables: Readonly<Record<string, unknown>>, options: CelRun = {}): Promise<CelOutcome> {
    return runAsync(this.#code, variables, options);
  }
}

/** More would tell nobody more. */
const maxProblems = 20;

/** Parses and checks; never throws, however hostile the text. */
export function compile(expression: string, environment: CelEnvironment): CelCompilation {
  if (expression.length > maxExpressionLength) {
    const message = `expression code point size exceeds limit: size: ${expression.length}, limit ${maxExpressionLength}`;
    return { ok: false, problems: [{ line: 1, column: 1, message }] };
  }
  try {
    return check(expression, environment);
  } catch (error) {
    if (error instanceof CelSyntaxError)
      return { ok: false, problems: [problemAt(expression, error.at, error.message)] };
    if (error instanceof RangeError)
      return { ok: false, problems: [{ line: 1, column: 1, message: 'expression is too deep' }] };
    throw error;
  }
}

function check(expression: string, environment: CelEnvironment): CelCompilation {
  const checker = new Checker(environment);
  const checked = checker.check(new Parser(expression, checker.vocabulary.macros).parse());
  const found = checker.problems.length > 0 ? checker.problems : problemsOfLiterals(checked.ast);
  const problems = found.slice(0, maxProblems).map(({ at, message }) => problemAt(expression, at, message));
  if (problems.length > 0) return { ok: false, problems };
  const resultType = checked.types.get(checked.ast) ?? { kind: 'dyn' };
  const { results } = environment;
  if (results !== undefined && !accepted(resultType, results)) {
    const message = `must evaluate to ${results.map(typeName).join(' or ')}`;
    return { ok: false, problems: [{ line: 1, column: 1, message }] };
  }
  return { ok: true, program: new Program(expression, checked, resultType, environment) };
}

function accepted(found: CelType, results: readonly CelType[]): boolean {
  return results.some((type) => type.kind === 'dyn' || typeName(type) === typeName(found));
}

/** For what works on the tree of a program of this library. */
export const checkedOf = (program: CelProgram): Checked => (program as Program).checked;

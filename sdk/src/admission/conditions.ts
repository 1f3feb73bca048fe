/** Match conditions: expressions that all must hold for a webhook or a policy to be asked. */
import {
  authorizerType,
  boolType,
  celProblemsText,
  compile,
  dynType,
  type CelEnvironment,
  type CelProgram,
} from '../cel/index.ts';
import type { MatchCondition } from '../kube/index.ts';

const environment: CelEnvironment = {
  variables: { object: dynType, oldObject: dynType, request: dynType, authorizer: authorizerType },
  results: [boolType],
};

/** What is wrong with the expression of a condition; undefined: nothing. */
export function conditionProblem(expression: string): string | undefined {
  const compiled = compile(expression, environment);
  return compiled.ok ? undefined : `compilation failed: ${celProblemsText(expression, compiled.problems)}`;
}

export type Conditions = readonly { readonly name: string; readonly program: CelProgram | string }[];

/** A text in place of a program: why there is none. */
export function compileConditions(conditions: readonly MatchCondition[]): Conditions {
  return conditions.map(({ name, expression }) => {
    const compiled = compile(expression, environment);
    return { name, program: compiled.ok ? compiled.program : celProblemsText(expression, compiled.problems) };
  });
}

export type ConditionsOutcome = 'hold' | 'fail' | { readonly problem: string };

/** One that does not hold outweighs those that cannot be evaluated. */
export function evaluateConditions(
  conditions: Conditions,
  variables: Readonly<Record<string, unknown>>,
): ConditionsOutcome {
  let problem: string | undefined;
  for (const { name, program } of conditions) {
    if (typeof program === 'string') {
      problem ??= `condition "${name}": compilation failed: ${program}`;
      continue;
    }
    const outcome = program.evaluate(variables);
    if (outcome.ok && outcome.value === false) return 'fail';
    if (!outcome.ok) problem ??= `expression '${program.expression}' resulted in error: ${outcome.message}`;
    else if (outcome.value !== true) problem ??= `expression '${program.expression}' did not evaluate to true or false`;
  }
  return problem === undefined ? 'hold' : { problem };
}

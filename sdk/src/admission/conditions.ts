/** Match conditions: expressions that all must hold for a webhook or a policy to be asked. */
import {
  boolType,
  celProblemsText,
  compile,
  dynType,
  matchConditionsCostBudget,
  type CelEnvironment,
  type CelProgram,
} from '../cel/index.ts';
import type { MatchCondition } from '../kube/index.ts';
import { authorizerVariables, type RequestAuthorizer } from './authorizer.ts';
import { ExpressionBudget } from './budget.ts';

const variables = { object: dynType, oldObject: dynType, request: dynType, ...authorizerVariables };
const environments: Readonly<Record<ConditionsOf, CelEnvironment>> = {
  webhook: { variables, results: [boolType] },
  policy: { variables: { ...variables, params: dynType, namespaceObject: dynType }, results: [boolType] },
};

/** Policies have parameters and see the namespace. */
export type ConditionsOf = 'webhook' | 'policy';

/** What is wrong with the expression of a condition; undefined: nothing. */
export function conditionProblem(expression: string, of: ConditionsOf = 'webhook'): string | undefined {
  const compiled = compile(expression, environments[of]);
  return compiled.ok ? undefined : `compilation failed: ${celProblemsText(expression, compiled.problems)}`;
}

export type Conditions = readonly { readonly name: string; readonly program: CelProgram | string }[];

/** A text in place of a program: why there is none. */
export function compileConditions(conditions: readonly MatchCondition[], of: ConditionsOf = 'webhook'): Conditions {
  return conditions.map(({ name, expression }) => {
    const compiled = compile(expression, environments[of]);
    return { name, program: compiled.ok ? compiled.program : celProblemsText(expression, compiled.problems) };
  });
}

export type ConditionsOutcome = 'hold' | 'fail' | { readonly problem: string };

/**
 * One that does not hold outweighs those that cannot be evaluated. All together may cost no more than their budget, and no more than what
 * is left of `outer`.
 */
export async function evaluateConditions(
  conditions: Conditions,
  given: Readonly<Record<string, unknown>>,
  authorizer: RequestAuthorizer,
  outer?: ExpressionBudget,
): Promise<ConditionsOutcome> {
  const variables = { ...given, ...authorizer.variables };
  let problem: string | undefined;
  const budget = new ExpressionBudget(matchConditionsCostBudget, outer);
  for (const { name, program } of conditions) {
    if (typeof program === 'string') {
      problem ??= `condition "${name}": compilation failed: ${program}`;
      continue;
    }
    const outcome = await authorizer.answering(() => program.evaluate(variables, budget.limits()));
    budget.take(outcome);
    if (outcome.ok && outcome.value === false) return 'fail';
    if (!outcome.ok) problem ??= `expression '${program.expression}' resulted in error: ${outcome.message}`;
    else if (outcome.value !== true) problem ??= `expression '${program.expression}' did not evaluate to true or false`;
  }
  return problem === undefined ? 'hold' : { problem };
}

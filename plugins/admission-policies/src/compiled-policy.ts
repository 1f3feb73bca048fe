/** A policy whose expressions can be evaluated. */
import { compileConditions, type Conditions } from '@timonel/sdk/admission';
import {
  CelError,
  CelLazyObject,
  celProblemsText,
  compile,
  dynType,
  objectType,
  perCallCostLimit,
  requestCostBudget,
  type CelOutcome,
  type CelProgram,
  type CelType,
} from '@timonel/sdk/cel';
import type { PolicyValidation, ValidatingAdmissionPolicy } from '@timonel/sdk/kube';

/** A text: why there is none. */
type Expression = CelProgram | string;

export interface CompiledValidation {
  readonly given: PolicyValidation;
  readonly expression: Expression;
  readonly message: Expression | undefined;
}

export interface CompiledPolicy {
  readonly policy: ValidatingAdmissionPolicy;
  readonly conditions: Conditions;
  readonly validations: readonly CompiledValidation[];
  readonly annotations: readonly { readonly key: string; readonly value: Expression }[];
  readonly variables: ReadonlyMap<string, Expression>;
  readonly variablesType: ReturnType<typeof objectType>;
}

const given: Readonly<Record<string, CelType>> = {
  object: dynType,
  oldObject: dynType,
  request: dynType,
  params: dynType,
  namespaceObject: dynType,
};

function compiled(text: string, variables: ReturnType<typeof objectType>): Expression {
  const result = compile(text, { variables: { ...given, variables } });
  return result.ok ? result.program : `compilation failed: ${celProblemsText(text, result.problems)}`;
}

export function compilePolicy(policy: ValidatingAdmissionPolicy): CompiledPolicy {
  const { matchConditions = [], variables = [], validations = [], auditAnnotations = [] } = policy.spec;
  const types: Record<string, CelType> = {};
  const programs = new Map<string, Expression>();
  for (const { name, expression } of variables) {
    // A variable may speak of those before it.
    const program = compiled(expression, objectType('variables', { ...types }));
    programs.set(name, program);
    types[name] = typeof program === 'string' ? dynType : program.resultType;
  }
  const variablesType = objectType('variables', types);
  return {
    policy,
    conditions: compileConditions(matchConditions),
    validations: validations.map((validation) => ({
      given: validation,
      expression: compiled(validation.expression, variablesType),
      message: validation.messageExpression ? compiled(validation.messageExpression, variablesType) : undefined,
    })),
    annotations: auditAnnotations.map(({ key, valueExpression }) => ({
      key,
      value: compiled(valueExpression, variablesType),
    })),
    variables: programs,
    variablesType,
  };
}

/** The expressions of one policy on one request, within one budget. */
export class Evaluation {
  readonly #variables: Readonly<Record<string, unknown>>;
  #left = requestCostBudget;

  constructor({ variables, variablesType }: CompiledPolicy, values: Readonly<Record<string, unknown>>) {
    const lazy: CelLazyObject = new CelLazyObject(variablesType, (name) => {
      const outcome = this.evaluate(variables.get(name) ?? `there is no variable ${name}`);
      return outcome.ok ? outcome.value : new CelError(outcome.message);
    });
    this.#variables = { ...values, variables: lazy };
  }

  evaluate(expression: Expression): CelOutcome {
    if (typeof expression === 'string') return { ok: false, kind: 'error', message: expression, cost: 0 };
    const costLimit = Math.min(perCallCostLimit, this.#left);
    const outcome = expression.evaluate(this.#variables, { costLimit });
    this.#left = Math.max(0, this.#left - outcome.cost);
    return outcome;
  }
}

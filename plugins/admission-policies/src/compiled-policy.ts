/** A policy whose expressions can be evaluated. */
import { compileConditions, PolicyScope, type Conditions, type RequestAuthorizer } from '@timonel/sdk/admission';
import {
  CelError,
  CelLazyObject,
  perCallCostLimit,
  requestCostBudget,
  type CelObjectType,
  type CelOutcome,
  type CelProgram,
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
  readonly variablesType: CelObjectType;
}

export function compilePolicy(policy: ValidatingAdmissionPolicy): CompiledPolicy {
  const { matchConditions = [], variables = [], validations = [], auditAnnotations = [] } = policy.spec;
  const scope = new PolicyScope();
  const programs = new Map(variables.map(({ name, expression }) => [name, scope.variable(name, expression)]));
  return {
    policy,
    conditions: compileConditions(matchConditions, 'policy'),
    validations: validations.map((validation) => ({
      given: validation,
      expression: scope.compiled(validation.expression, 'validation'),
      message: validation.messageExpression ? scope.compiled(validation.messageExpression, 'message') : undefined,
    })),
    annotations: auditAnnotations.map(({ key, valueExpression }) => ({
      key,
      value: scope.compiled(valueExpression, 'audit'),
    })),
    variables: programs,
    variablesType: scope.variablesType,
  };
}

/** The expressions of one policy on one request, within one budget. */
export class Evaluation {
  readonly #policy: CompiledPolicy;
  readonly #authorizer: RequestAuthorizer;
  readonly #values: Readonly<Record<string, unknown>>;
  #variables: CelLazyObject;
  #left = requestCostBudget;

  constructor(policy: CompiledPolicy, values: Readonly<Record<string, unknown>>, authorizer: RequestAuthorizer) {
    this.#policy = policy;
    this.#authorizer = authorizer;
    this.#values = { ...values, ...authorizer.variables };
    this.#variables = this.#unread();
  }

  async evaluate(expression: Expression): Promise<CelOutcome> {
    const left = this.#left;
    let isFirst = true;
    return this.#authorizer.answering(() => {
      if (!isFirst) {
        // Those that were read may have lacked an answer.
        this.#variables = this.#unread();
        this.#left = left;
      }
      isFirst = false;
      return this.#evaluated(expression);
    });
  }

  #unread(): CelLazyObject {
    const { variables, variablesType } = this.#policy;
    return new CelLazyObject(variablesType, (name) => {
      const outcome = this.#evaluated(variables.get(name) ?? `there is no variable ${name}`);
      return outcome.ok ? outcome.value : new CelError(outcome.message);
    });
  }

  #evaluated(expression: Expression): CelOutcome {
    if (typeof expression === 'string') return { ok: false, kind: 'error', message: expression, cost: 0 };
    const costLimit = Math.min(perCallCostLimit, this.#left);
    const outcome = expression.evaluate({ ...this.#values, variables: this.#variables }, { costLimit });
    this.#left = Math.max(0, this.#left - outcome.cost);
    return outcome;
  }
}

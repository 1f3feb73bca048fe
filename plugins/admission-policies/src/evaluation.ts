/** The expressions of one policy on one object, within one budget. */
import type { ExpressionBudget, RequestAuthorizer } from '@timonel/sdk/admission';
import { CelError, CelLazyObject, type CelOutcome } from '@timonel/sdk/cel';
import type { CompiledPolicy, Expression } from './policy.ts';

export class Evaluation {
  readonly #policy: CompiledPolicy;
  readonly #authorizer: RequestAuthorizer;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #budget: ExpressionBudget;
  #variables: CelLazyObject;

  constructor(
    policy: CompiledPolicy,
    values: Readonly<Record<string, unknown>>,
    authorizer: RequestAuthorizer,
    budget: ExpressionBudget,
  ) {
    this.#policy = policy;
    this.#authorizer = authorizer;
    this.#budget = budget;
    this.#values = { ...values, ...authorizer.variables };
    this.#variables = this.#unread();
  }

  async evaluate(expression: Expression): Promise<CelOutcome> {
    const giveBack = this.#budget.mark();
    let isFirst = true;
    return this.#authorizer.answering(() => {
      if (!isFirst) {
        // Those that were read may have lacked an answer.
        this.#variables = this.#unread();
        giveBack();
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
    if (typeof expression === 'string') return { ok: false, kind: 'error', message: expression, cost: 0, work: 0 };
    const values = { ...this.#values, variables: this.#variables };
    const outcome = expression.evaluate(values, this.#budget.limits());
    this.#budget.take(outcome);
    return outcome;
  }
}

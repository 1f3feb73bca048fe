/** The expressions of one policy on one object, within one budget. */
import type { RequestAuthorizer } from '@timonel/sdk/admission';
import { CelError, CelLazyObject, perCallCostLimit, requestCostBudget, type CelOutcome } from '@timonel/sdk/cel';
import type { CompiledPolicy, Expression } from './policy.ts';

/** What all policies together may cost on one request: a few that need all they may have, or many cheap ones. */
export class SharedBudget {
  left: number = 10 * requestCostBudget;
}

/** What one policy, by one binding, may cost. */
export class Budget {
  readonly #shared: SharedBudget;
  #left = requestCostBudget;

  constructor(shared: SharedBudget) {
    this.#shared = shared;
  }

  get left(): number {
    return Math.min(this.#left, this.#shared.left);
  }

  /** Returns to how it is now. */
  mark(): () => void {
    const [own, shared] = [this.#left, this.#shared.left];
    return () => {
      this.#left = own;
      this.#shared.left = shared;
    };
  }

  take(cost: number): void {
    this.#left = Math.max(0, this.#left - cost);
    this.#shared.left = Math.max(0, this.#shared.left - cost);
  }
}

export class Evaluation {
  readonly #policy: CompiledPolicy;
  readonly #authorizer: RequestAuthorizer;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #budget: Budget;
  #variables: CelLazyObject;

  constructor(
    policy: CompiledPolicy,
    values: Readonly<Record<string, unknown>>,
    authorizer: RequestAuthorizer,
    budget: Budget,
  ) {
    this.#policy = policy;
    this.#authorizer = authorizer;
    this.#budget = budget;
    this.#values = { ...values, ...authorizer.variables };
    this.#variables = this.#unread();
  }

  async evaluate(expression: Expression): Promise<CelOutcome> {
    const untaken = this.#budget.mark();
    let isFirst = true;
    return this.#authorizer.answering(() => {
      if (!isFirst) {
        // Those that were read may have lacked an answer.
        this.#variables = this.#unread();
        untaken();
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
    const costLimit = Math.min(perCallCostLimit, this.#budget.left);
    const outcome = expression.evaluate({ ...this.#values, variables: this.#variables }, { costLimit });
    this.#budget.take(outcome.cost);
    return outcome;
  }
}

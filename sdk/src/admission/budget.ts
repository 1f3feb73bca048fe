/** What expressions may cost together, and do beyond their cost. */
import { maxWork, perCallCostLimit, requestCostBudget, type CelExpense, type CelRun } from '../cel/index.ts';

export class ExpressionBudget {
  readonly #outer: ExpressionBudget | undefined;
  #cost: number;
  #work: number;

  /** `outer`: what these and others may cost together. */
  constructor(cost: number, outer?: ExpressionBudget, work: number = maxWork) {
    this.#cost = cost;
    this.#work = work;
    this.#outer = outer;
  }

  /** What all policies may cost on one request: a few that need all they may have, or many cheap ones. */
  static ofRequest(): ExpressionBudget {
    return new ExpressionBudget(3 * requestCostBudget, undefined, 2 * maxWork);
  }

  /** What all rules of a CustomResourceDefinition may cost on one request. */
  static ofRules(): ExpressionBudget {
    return new ExpressionBudget(requestCostBudget, undefined, 2 * maxWork);
  }

  /** Of the next expression. */
  limits(): Required<Pick<CelRun, 'costLimit' | 'workLimit'>> {
    const outer = this.#outer?.limits() ?? { costLimit: perCallCostLimit, workLimit: maxWork };
    return {
      costLimit: Math.min(this.#cost, outer.costLimit),
      workLimit: Math.min(this.#work, outer.workLimit),
    };
  }

  /** Nothing more may be evaluated. */
  get isSpent(): boolean {
    return this.#cost === 0 || this.#work === 0 || this.#outer?.isSpent === true;
  }

  /** What gives back the cost that is taken until then, of what has to be evaluated anew. Work was done all the same. */
  mark(): () => void {
    const cost = this.#cost;
    const outer = this.#outer?.mark();
    return () => {
      this.#cost = cost;
      outer?.();
    };
  }

  take(expense: CelExpense): void {
    this.#cost = Math.max(0, this.#cost - expense.cost);
    this.#work = Math.max(0, this.#work - expense.work);
    this.#outer?.take(expense);
  }
}

/** Bounds what a hostile schema and a hostile object can cost together. */
import { ApiError, apiErrorReason } from '@timonel/sdk/kube';

const mostSteps = 5_000_000;
const exceeded =
  'the object is too large for the schema of its CustomResourceDefinition: to check it would take too long';

export function isOverBudget(error: unknown): boolean {
  return apiErrorReason(error) === 'BadRequest' && (error as Error).message === exceeded;
}

export class Budget {
  #left = mostSteps;

  /** @throws ApiError BadRequest */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left >= 0) return;
    throw new ApiError('BadRequest', exceeded);
  }
}

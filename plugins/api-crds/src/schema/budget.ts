/** Bounds what a hostile schema and a hostile object can cost together. */
import { ApiError } from '@timonel/sdk/kube';

const mostSteps = 5_000_000;

export class Budget {
  #left = mostSteps;

  /** @throws ApiError BadRequest */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left >= 0) return;
    throw new ApiError(
      'BadRequest',
      'the object is too large for the schema of its CustomResourceDefinition: to check it would take too long',
    );
  }
}

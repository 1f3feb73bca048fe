/** Counts the requests under way, refuses those beyond the bound, and ends all of them at the end. */
import { ApiError } from '@timonel/sdk/kube';

export interface Pass {
  /** Aborted when the reader goes or everything ends. */
  readonly signal: AbortSignal;
  done(): void;
}

export class Turnstile {
  readonly #limit: number;
  readonly #inside = new Set<AbortController>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws ApiError TooManyRequests */
  enter(reader: AbortSignal): Pass {
    if (this.#inside.size >= this.#limit)
      throw new ApiError('TooManyRequests', 'too many requests to nodes are under way; please try again later', {
        retryAfterSeconds: 1,
      });
    const controller = new AbortController();
    const leave = (): void => controller.abort();
    this.#inside.add(controller);
    reader.addEventListener('abort', leave, { once: true });
    if (reader.aborted) leave();
    return {
      signal: controller.signal,
      done: () => {
        reader.removeEventListener('abort', leave);
        this.#inside.delete(controller);
      },
    };
  }

  close(): void {
    for (const controller of this.#inside) controller.abort();
  }
}

/**
 * Since when this process has been in touch with the API without a gap. For controllers that draw conclusions from the silence of
 * others: what could not be written while the API was away, or was not seen while this process stood still, is no silence.
 */
import type { ApiClient } from '../contracts/api/index.ts';
import { isNotFound, namespaces } from '../kube/index.ts';
import type { ControllerHost } from './host.ts';

export interface ApiContactOptions {
  /** How often the API is asked. Default 5,000 ms. */
  readonly periodMs?: number;
}

/** Times in a row that the API may miss. */
const missesLimit = 3;

/** See the head of this file. Asks until the signal of the host aborts. */
export class ApiContact {
  readonly #host: Pick<ControllerHost, 'env' | 'signal'>;
  readonly #api: Pick<ApiClient, 'get'>;
  readonly #gapMs: number;
  #sinceMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #asking = false;

  constructor(
    host: Pick<ControllerHost, 'env' | 'signal'>,
    api: Pick<ApiClient, 'get'>,
    { periodMs = 5000 }: ApiContactOptions = {},
  ) {
    this.#host = host;
    this.#api = api;
    this.#gapMs = missesLimit * periodMs;
    const timer = host.env.timers.every(periodMs, () => void this.#ask());
    host.signal.addEventListener('abort', () => timer.cancel(), { once: true });
    void this.#ask();
  }

  /** On the monotonic clock. Now, while there is no contact. */
  sinceMs(): number {
    const nowMs = this.#host.env.clock.monotonic();
    return nowMs - this.#lastMs > this.#gapMs ? nowMs : this.#sinceMs;
  }

  async #ask(): Promise<void> {
    if (this.#asking || this.#host.signal.aborted) return;
    this.#asking = true;
    try {
      // Any object: that there is none is an answer too.
      await this.#api.get(namespaces, { name: 'default' });
      this.#answered();
    } catch (error) {
      if (isNotFound(error)) this.#answered();
    } finally {
      this.#asking = false;
    }
  }

  #answered(): void {
    const nowMs = this.#host.env.clock.monotonic();
    if (nowMs - this.#lastMs > this.#gapMs) this.#sinceMs = nowMs;
    this.#lastMs = nowMs;
  }
}

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
/** After a question without an answer. */
const retryMs = 500;

/** See the head of this file. Asks until the signal of the host aborts. */
export class ApiContact {
  readonly #host: Pick<ControllerHost, 'env' | 'signal'>;
  readonly #api: Pick<ApiClient, 'get'>;
  readonly #periodMs: number;
  readonly #gapMs: number;
  #sinceMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(
    host: Pick<ControllerHost, 'env' | 'signal'>,
    api: Pick<ApiClient, 'get'>,
    { periodMs = 5000 }: ApiContactOptions = {},
  ) {
    this.#host = host;
    this.#api = api;
    this.#periodMs = periodMs;
    this.#gapMs = missesLimit * periodMs;
    void this.#run();
  }

  /** On the monotonic clock. Now, while there is no contact. */
  sinceMs(): number {
    const nowMs = this.#host.env.clock.monotonic();
    return nowMs - this.#lastMs > this.#gapMs ? nowMs : this.#sinceMs;
  }

  async #run(): Promise<void> {
    const { env, signal } = this.#host;
    while (!signal.aborted) {
      const answered = await this.#ask();
      if (answered) this.#answered();
      const pauseMs = answered ? this.#periodMs : Math.min(retryMs, this.#periodMs);
      await env.timers.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  /** An answer that takes longer than a period is none: it might never come. */
  #ask(): Promise<boolean> {
    // Any object: that there is none is an answer too.
    const answered = this.#api.get(namespaces, { name: 'default' }).then(() => true, isNotFound);
    const { env, signal } = this.#host;
    return new Promise((resolve) => {
      const end = (isAnswered: boolean): void => {
        late.cancel();
        signal.removeEventListener('abort', giveUp);
        resolve(isAnswered);
      };
      const giveUp = (): void => end(false);
      const late = env.timers.after(this.#periodMs, giveUp);
      // No signal made of signals: the host's, which lives for long, would remember each of them.
      signal.addEventListener('abort', giveUp);
      void answered.then(end);
    });
  }

  #answered(): void {
    const nowMs = this.#host.env.clock.monotonic();
    if (nowMs - this.#lastMs > this.#gapMs) this.#sinceMs = nowMs;
    this.#lastMs = nowMs;
  }
}

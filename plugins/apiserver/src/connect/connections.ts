/** The connections under way: bounded in number, and ended together. */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError } from '@timonel/sdk/kube';
import type { ApiServerConfig } from '../config.ts';

export interface ConnectionsParts {
  readonly env: Env;
  readonly log: Logger;
  readonly api: Pick<ApiClient, 'get' | 'list'>;
  readonly config: Pick<ApiServerConfig, 'limits' | 'timing'>;
}

export class Connections {
  readonly env: Env;
  /** For the code of plugins. */
  readonly api: Pick<ApiClient, 'get' | 'list'>;
  readonly idleMs: number;
  readonly #limit: number;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #open = 0;

  constructor({ env, log, api, config }: ConnectionsParts) {
    this.env = env;
    this.api = api;
    this.idleMs = config.timing.streamIdleTimeoutMs;
    this.#limit = config.limits.streams;
    this.#log = log;
  }

  /** Calls `stop` when the server stops, until the returned function is called. */
  onStop(stop: () => void): () => void {
    const { signal } = this.#stopping;
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    return () => signal.removeEventListener('abort', stop);
  }

  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** Counts one until the returned function is called. @throws ApiError TooManyRequests */
  enter(): () => void {
    if (this.#open >= this.#limit) {
      throw new ApiError('TooManyRequests', `${this.#limit} connections into pods are open; please try again later`, {
        retryAfterSeconds: 1,
      });
    }
    this.#open += 1;
    let inside = true;
    return () => {
      if (inside) this.#open -= 1;
      inside = false;
    };
  }

  /** Lets `work` go on after its request has been answered. */
  detach(work: Promise<void>, leave: () => void): void {
    work
      .catch((error: unknown) => this.#log.debug({ error: errorMessage(error) }, 'a connection failed'))
      .finally(leave);
  }
}

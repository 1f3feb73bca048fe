/** A server at a socket that somebody else may serve still: the process before this one, or the plugin that this one takes the place of. */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { GrpcServer } from '@timonel/sdk/grpc';

export interface KeptServerOptions {
  readonly env: Env;
  readonly log: Logger;
  /** What cannot be had without it: for the log. */
  readonly what: string;
  /** @throws Error as long as it cannot be served */
  serve(): Promise<GrpcServer>;
}

const retryMs = { first: 250, most: 10_000 };

export class KeptServer {
  readonly #options: KeptServerOptions;
  #server: GrpcServer | undefined;
  #trying: Promise<void> | undefined;
  #timer: TimerHandle | undefined;
  #delayMs = retryMs.first;
  #closed = false;

  constructor(options: KeptServerOptions) {
    this.#options = options;
  }

  /** Resolves after the first try. */
  async start(): Promise<void> {
    this.#trying = this.#try();
    await this.#trying;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#trying;
    await this.#server?.close();
  }

  async #try(): Promise<void> {
    const { env, log, what } = this.#options;
    try {
      this.#server = await this.#options.serve();
    } catch (error) {
      if (this.#delayMs === retryMs.first) log.warn({ error: errorMessage(error) }, `${what}: will retry`);
      if (this.#closed) return;
      this.#timer = env.timers.after(this.#delayMs, () => {
        this.#trying = this.#try();
      });
      this.#delayMs = Math.min(this.#delayMs * 2, retryMs.most);
    }
  }
}

/** Says in the log what a scheduler did against its contract; the same thing once in a while, since it may do so for every pod. */
import type { Env, Logger } from '@timonel/sdk';

const silenceMs = 10_000;
const rememberedLimit = 100;

export class Blame {
  readonly #env: Env;
  readonly #log: Logger;
  readonly #said = new Map<string, number>();

  constructor(env: Env, log: Logger) {
    this.#env = env;
    this.#log = log;
  }

  say(scheduler: string, message: string): void {
    const now = this.#env.clock.monotonic();
    const key = `${scheduler} ${message}`;
    if (now - (this.#said.get(key) ?? Number.NEGATIVE_INFINITY) < silenceMs) return;
    this.#said.delete(key);
    this.#said.set(key, now);
    const [oldest] = this.#said.keys();
    if (this.#said.size > rememberedLimit && oldest !== undefined) this.#said.delete(oldest);
    this.#log.error({ scheduler, fault: message }, 'a scheduler broke its contract');
  }
}

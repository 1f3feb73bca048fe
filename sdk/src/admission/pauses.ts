/** Lets others have their turn while many expressions are evaluated. */
import type { Env } from '../kernel/index.ts';

const turnMs = 10;

export class Pauses {
  readonly #env: Pick<Env, 'clock' | 'timers'>;
  #since: number;

  constructor(env: Pick<Env, 'clock' | 'timers'>) {
    this.#env = env;
    this.#since = env.clock.monotonic();
  }

  async due(): Promise<void> {
    if (this.#env.clock.monotonic() - this.#since < turnMs) return;
    await this.#env.timers.sleep(0);
    this.#since = this.#env.clock.monotonic();
  }
}

import { DeadlineWatch } from './deadline.ts';
import type { Env } from './env.ts';
import { errorMessage } from './errors.ts';

/** What came of a wait; `error`: a message. */
export type Answered<T> = { readonly value: T } | { readonly error: string };

/** Waits for answers of others: a limited time, and not beyond the end of the plugin. */
export class InTime {
  readonly #deadlines: DeadlineWatch;
  readonly #limitMs: number;
  /** What ends each wait. */
  readonly #waits = new Set<(error: string) => void>();
  readonly #signal: AbortSignal;

  constructor(env: Pick<Env, 'clock' | 'timers'>, signal: AbortSignal, limitMs: number) {
    this.#deadlines = new DeadlineWatch(env.clock, env.timers);
    this.#limitMs = limitMs;
    this.#signal = signal;
    const end = (): void => {
      for (const wait of this.#waits) wait('the plugin ends');
      this.#deadlines.close();
    };
    signal.addEventListener('abort', end, { once: true });
  }

  /** Never rejects. */
  wait<T>(answer: Promise<T>): Promise<Answered<T>> {
    return new Promise((resolve) => {
      const settle = (answered: Answered<T>): void => {
        this.#waits.delete(fail);
        this.#deadlines.remove(deadline);
        resolve(answered);
      };
      const fail = (error: string): void => settle({ error });
      const deadline = this.#deadlines.add(this.#limitMs, () => fail(`no answer within ${this.#limitMs} ms`));
      this.#waits.add(fail);
      answer.then(
        (value) => settle({ value }),
        (error: unknown) => fail(errorMessage(error)),
      );
      if (this.#signal.aborted) fail('the plugin ends');
    });
  }
}

/** A driver that fails again and again is asked less and less often, as by the kubelet; whoever asks meanwhile gets its last answer. */
import type { Clock } from '@timonel/sdk';

const firstMs = 500;
const mostMs = 122_000;

interface Failure {
  readonly error: unknown;
  readonly delayMs: number;
  readonly retryAt: number;
  /** Who failed: another one is asked at once. */
  readonly by: object;
}

export class BackOff {
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failure>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws what `step` throws, or threw last time */
  async run(key: string, by: object, step: () => Promise<void>): Promise<void> {
    const before = this.#failures.get(key);
    const isSame = before?.by === by;
    if (isSame && this.#clock.monotonic() < before.retryAt) throw before.error;
    try {
      await step();
      this.#failures.delete(key);
    } catch (error) {
      const delayMs = isSame ? Math.min(before.delayMs * 2, mostMs) : firstMs;
      this.#failures.set(key, { error, delayMs, retryAt: this.#clock.monotonic() + delayMs, by });
      throw error;
    }
  }
}

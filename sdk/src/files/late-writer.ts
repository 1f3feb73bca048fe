import type { Env } from '../kernel/index.ts';

export interface LateWriterOptions {
  readonly env: Pick<Env, 'timers'>;
  /** Between a change and its write, in ms. */
  readonly delayMs: number;
  /** Must not reject. */
  readonly write: () => Promise<void>;
}

/**
 * Writes something down some time after it changed, so that many changes cost one write. The first is written at once, for the process may be
 * killed and start again without knowing anything else; the last when it is closed.
 */
export class LateWriter {
  readonly #options: LateWriterOptions;
  readonly #closing = new AbortController();
  #isDirty = false;
  #hasWritten = false;
  #running: Promise<void> | undefined;

  constructor(options: LateWriterOptions) {
    this.#options = options;
  }

  /** What is to be written is another now. */
  touch(): void {
    this.#isDirty = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when everything is written. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { env, delayMs, write } = this.#options;
    while (this.#isDirty) {
      if (this.#hasWritten) await env.timers.sleep(delayMs, this.#closing.signal).catch(() => undefined);
      this.#isDirty = false;
      await write();
      this.#hasWritten = true;
    }
  }
}

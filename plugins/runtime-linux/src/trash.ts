import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';

/** Many removals at once are one walk. */
const gatherMs = 50;
/** Something in it is held: a mount, a file that nobody may remove. */
const retryMs = 30_000;

export interface TrashOptions {
  /** Removes all that is in it. */
  empty(): Promise<void>;
  readonly env: Env;
  readonly log: Logger;
}

/**
 * Directories that are to go: a rename takes a moment, whatever is in them. They are removed behind the back of whoever wanted that, and
 * when a runtime opens.
 */
export class Trash {
  readonly #directory: string;
  readonly #options: TrashOptions;
  #timer: TimerHandle | undefined;
  #isRetry = false;
  #isEmptying = false;
  #isClosed = false;
  /** What was said of it last. */
  #fault: string | undefined;

  constructor(directory: string, options: TrashOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  open(): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    if (readdirSync(this.#directory).length > 0) this.#emptyAfter(0);
  }

  /** From the same file system. One that is not there is no error. */
  take(path: string): void {
    try {
      renameSync(path, join(this.#directory, this.#options.env.random.uuid()));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      throw error;
    }
    this.#emptyAfter(gatherMs);
  }

  /** What is left then goes when the next one opens. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #emptyAfter(delayMs: number): void {
    if (this.#isClosed || this.#isEmptying) return;
    if (this.#timer !== undefined && !this.#isRetry) return;
    this.#timer?.cancel();
    this.#isRetry = delayMs === retryMs;
    this.#timer = this.#options.env.timers.after(delayMs, () => {
      this.#timer = undefined;
      void this.#empty();
    });
  }

  async #empty(): Promise<void> {
    this.#isEmptying = true;
    const fault = await this.#options.empty().then(() => undefined, errorMessage);
    this.#isEmptying = false;
    if (this.#isClosed || !existsSync(this.#directory)) return;
    if (fault !== undefined && fault !== this.#fault) {
      this.#options.log.warn({ trash: this.#directory, why: fault }, 'what was removed is not all gone yet');
    }
    this.#fault = fault;
    if (readdirSync(this.#directory).length > 0) this.#emptyAfter(fault === undefined ? gatherMs : retryMs);
  }
}

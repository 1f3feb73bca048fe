/** One step at a time, until nothing is left to do; again when something happens, or when it is time. */
import { errorMessage, type Env, type TimerHandle } from '@timonel/sdk';

export interface StepLoopOptions {
  readonly env: Env;
  /** Bounds how many loops are at work. */
  readonly run: (work: () => Promise<void>) => Promise<void>;
  /** False: nothing to do until something happens. What it throws is tried again. */
  readonly step: () => Promise<boolean>;
  readonly failed: (error: string) => void;
  /** Nothing is left to do for now. */
  readonly settled: () => void;
}

/** What needs more steps than this in one go waits for a second: the bound against a plan that never settles. */
const stepLimit = 100;
const retryMs = 1000;

export class StepLoop {
  readonly #options: StepLoopOptions;
  #dirty = false;
  #running: Promise<void> | undefined;
  #timer: TimerHandle | undefined;
  #closed = false;

  constructor(options: StepLoopOptions) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Something has happened since the step began. */
  get isDirty(): boolean {
    return this.#dirty;
  }

  /** No step runs and none is due at once. */
  get isResting(): boolean {
    return !this.isRunning && !this.#dirty;
  }

  trigger(): void {
    if (this.#closed) return;
    this.#dirty = true;
    const { run, settled } = this.#options;
    // Not at once: something may happen while the first step is asked for, before it is noted here that work is going on.
    this.#running ??= Promise.resolve()
      .then(() => run(() => this.#work()))
      .finally(() => {
        this.#running = undefined;
        if (this.#dirty) this.trigger();
        else settled();
      });
  }

  wakeIn(delayMs: number): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    this.#timer = this.#options.env.timers.after(Math.max(1, delayMs), () => this.trigger());
  }

  /** Begins no further step. */
  close(): void {
    this.#closed = true;
    this.#dirty = false;
    this.#timer?.cancel();
  }

  /** Resolves when the step that runs is done. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #work(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    try {
      for (let step = 0; step < stepLimit && !this.#closed; step += 1) {
        this.#dirty = false;
        if (!(await this.#options.step())) return;
      }
    } catch (error) {
      this.#options.failed(errorMessage(error));
      this.#dirty = false;
    }
    this.wakeIn(retryMs);
  }
}

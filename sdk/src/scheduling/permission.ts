/** Waits for all who have to permit a binding, or for the first who does not. */
import type { PermitHandle } from '../contracts/scheduler/index.ts';

export interface Timers {
  after(delayMs: number, run: () => void): { cancel(): void };
}

/** Why it must not be. */
export interface Objection {
  readonly by: string;
  readonly reason: string;
}

export class Permission {
  readonly #timers: Timers;
  readonly #running: { cancel(): void }[] = [];
  /** Who has not answered yet. */
  readonly #open = new Set<string>();
  #objection: Objection | undefined;
  #ended: () => void = () => undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  get objection(): Objection | undefined {
    return this.#objection;
  }

  /** `by` may answer from now on, also before it has said that it wants to wait. */
  ask(by: string): PermitHandle {
    this.#open.add(by);
    return { allow: () => this.allow(by), reject: (reason) => this.reject(by, reason) };
  }

  allow(by: string): void {
    if (this.#open.delete(by) && this.#open.size === 0) this.#ended();
  }

  /** The first objection is enough: nobody else is waited for. */
  reject(by: string, reason: string): void {
    if (!this.#open.has(by)) return;
    this.#open.clear();
    this.#objection = { by, reason };
    this.#ended();
  }

  /** `by` wants to wait. */
  wait(by: string, limitMs: number): void {
    if (!this.#open.has(by)) return;
    this.#running.push(this.#timers.after(limitMs, () => this.reject(by, `was not permitted within ${limitMs} ms`)));
  }

  /** When all who were asked have allowed it, or one has not. */
  async settled(signal: AbortSignal): Promise<Objection | undefined> {
    const stop = (): void => {
      const [by = ''] = this.#open;
      this.reject(by, 'the scheduler is being replaced');
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    await new Promise<void>((resolve) => {
      this.#ended = resolve;
      if (this.#open.size === 0) resolve();
    });
    signal.removeEventListener('abort', stop);
    for (const timer of this.#running) timer.cancel();
    return this.#objection;
  }
}

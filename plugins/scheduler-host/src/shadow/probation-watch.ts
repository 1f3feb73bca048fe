/**
 * Follows who is in charge and how it does. While the kernel has a new scheduler on probation, one that breaks a guard rail is given up:
 * the kernel then swaps back by itself.
 */
import { errorMessage, type Env, type KernelControl, type Logger } from '@timonel/sdk';
import { ChargeHistory } from './charge-history.ts';
import { unfitBecause, type GuardRailLimits } from './guard-rails.ts';
import { SchedulerFigures } from './scheduler-figures.ts';

export const schedulerService = 'scheduler';

export interface ProbationParts {
  readonly env: Pick<Env, 'clock'>;
  readonly log: Logger;
  readonly control: Pick<KernelControl, 'providerOf' | 'probation' | 'unfit'>;
  readonly limits: GuardRailLimits;
  /**
   * How long that pod has been in the active queue which has been there longest, since it came into it last; 0: it is empty. Asked
   * once a second.
   */
  readonly longestActiveMs: () => number;
  /** Tells the floor of the heap from now on; returns what ends it. */
  readonly watchHeapFloor?: ((tell: (bytes: number) => void) => () => void) | undefined;
}

export class ProbationWatch {
  readonly #parts: ProbationParts;
  readonly #history = new ChargeHistory();
  #now: SchedulerFigures;
  #before: SchedulerFigures | undefined;
  #givenUp = false;
  /** When the batch that is under way was asked about. */
  #askedMs: number | undefined;
  #endHeapWatch: (() => void) | undefined;

  constructor(parts: ProbationParts) {
    this.#parts = parts;
    this.#now = new SchedulerFigures(parts.env.clock.monotonic());
    this.inCharge();
  }

  /** The plugin in charge, which may be another one than at the last call. */
  inCharge(): string {
    const name = this.#parts.control.providerOf(schedulerService);
    if (name === undefined) return 'no scheduler';
    const known = this.#history.current;
    if (name === known) return name;
    this.#history.took(name);
    if (known !== undefined) this.#begin();
    return name;
  }

  /** The plugin that was in charge before. */
  get previous(): string | undefined {
    this.inCharge();
    return this.#history.previous;
  }

  /** A batch is asked about; there is one at a time. */
  asked(): void {
    this.#askedMs = this.#parts.env.clock.monotonic();
  }

  answered(): void {
    this.#askedMs = undefined;
  }

  /** `scheduler`: who was asked. */
  decided(scheduler: string, pods: number, ms: number): void {
    if (this.inCharge() === scheduler) this.#now.decided(pods, ms);
  }

  batchFailed(scheduler: string, ms: number, reason: string): void {
    if (this.inCharge() !== scheduler) return;
    this.#now.batchFailed(ms, reason);
    this.#judge();
  }

  decisionRefused(reason: string): void {
    this.#now.decisionRefused(reason);
    this.#judge();
  }

  bound(): void {
    this.#now.bound();
  }

  bindFailed(error: unknown): void {
    this.#now.bindFailed(errorMessage(error));
    this.#judge();
  }

  /** Judges by what single events do not tell. To be called about once a second. */
  tick(): void {
    this.inCharge();
    const now = this.#parts.env.clock.monotonic();
    this.#now.pending(now, this.#parts.longestActiveMs());
    // A scheduler that never answers is not waited for until the host gives up: by then its probation may be over.
    if (this.#askedMs !== undefined) this.#now.underWay(now, this.#askedMs);
    this.#judge();
    if (this.#parts.control.probation(schedulerService) === undefined) this.stop();
    else this.#watchHeap();
  }

  stop(): void {
    this.#endHeapWatch?.();
    this.#endHeapWatch = undefined;
  }

  #judge(): void {
    const { control, limits, log } = this.#parts;
    if (this.#givenUp) return;
    const probation = control.probation(schedulerService);
    if (probation === undefined || probation.plugin !== this.#history.current) return;
    const reason = unfitBecause(this.#now, this.#before, limits);
    if (reason === undefined) return;
    this.#givenUp = control.unfit(schedulerService, reason);
    if (this.#givenUp) log.warn({ scheduler: probation.plugin, reason }, 'a scheduler in probation is given up');
  }

  #begin(): void {
    this.#before = this.#now;
    this.#now = new SchedulerFigures(this.#parts.env.clock.monotonic());
    this.#givenUp = false;
    this.stop();
  }

  #watchHeap(): void {
    const figures = this.#now;
    this.#endHeapWatch ??= this.#parts.watchHeapFloor?.((bytes) => figures.heapFloor(bytes));
  }
}

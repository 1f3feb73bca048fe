import type { Command } from './command.ts';
import type { LogEntry } from './log/entry.ts';

/** A command on its way, and who waits for it. */
export interface Proposal<R> {
  readonly command: Command;
  /** About its size, for the bound of a batch. */
  readonly bytes: number;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/** What the loop drives. */
export interface CommitSteps<R> {
  /** Index and term for the next entry. */
  nextEntry(command: Command): LogEntry;
  /** Makes the entries durable, all in one flush. */
  append(entries: readonly LogEntry[]): Promise<void>;
  /** Applies durable entries; one result for each. */
  apply(entries: readonly LogEntry[]): Promise<readonly R[]>;
  /** Work between batches, such as collecting garbage. True: there is more of it. */
  idle(): Promise<boolean>;
  /** The log or the state could not be written. Nothing is accepted any more. */
  failed(error: unknown): unknown;
}

const batchEntries = 1_000;
const batchBytes = 8 * 1024 * 1024;

interface Batch<R> {
  readonly proposals: readonly Proposal<R>[];
  readonly entries: readonly LogEntry[];
}

/**
 * Group commit: whatever has gathered while one batch was being flushed goes into the next, with one flush for all.
 * While a batch is flushed, the one before it is applied. A proposal is answered when it is durable and applied.
 */
export class CommitLoop<R> {
  readonly #steps: CommitSteps<R>;
  #waiting: Proposal<R>[] = [];
  #running: Promise<void> | undefined;
  #stopError: unknown = undefined;

  constructor(steps: CommitSteps<R>) {
    this.#steps = steps;
  }

  /** Number of proposals that wait for a batch. */
  get waiting(): number {
    return this.#waiting.length;
  }

  propose(command: Command, bytes: number): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      if (this.#stopError !== undefined) {
        reject(this.#stopError);
        return;
      }
      this.#waiting.push({ command, bytes, resolve, reject });
      this.wake();
    });
  }

  /** Runs the idle work, and whatever else waits. */
  wake(): void {
    if (this.#running !== undefined || this.#stopError !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      // Something may have come between the last look and now.
      if (this.#waiting.length > 0) this.wake();
    });
  }

  /** Refuses new proposals, and resolves when those under way are answered. */
  async stop(error: unknown): Promise<void> {
    this.#stopError ??= error;
    await this.#running;
    const left = this.#waiting;
    this.#waiting = [];
    for (const proposal of left) proposal.reject(error);
  }

  async #run(): Promise<void> {
    let durable: Batch<R> | undefined;
    let batch: Batch<R> | undefined;
    try {
      // One turn for others to join the first batch.
      await Promise.resolve();
      for (;;) {
        batch = this.#take();
        if (batch === undefined && durable === undefined && !(await this.#steps.idle()) && this.#waiting.length === 0)
          return;
        const flushed = batch === undefined ? undefined : this.#steps.append(batch.entries);
        await Promise.all([flushed, durable && this.#apply(durable)]);
        durable = batch;
      }
    } catch (error) {
      this.#stopError ??= this.#steps.failed(error);
      const open = [...(durable?.proposals ?? []), ...(batch?.proposals ?? []), ...this.#waiting];
      this.#waiting = [];
      for (const proposal of open) proposal.reject(this.#stopError);
    }
  }

  async #apply(batch: Batch<R>): Promise<void> {
    const results = await this.#steps.apply(batch.entries);
    for (const [at, proposal] of batch.proposals.entries()) proposal.resolve(results[at] as R);
  }

  #take(): Batch<R> | undefined {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && count < batchEntries && bytes < batchBytes) {
      bytes += this.#waiting[count]?.bytes ?? 0;
      count++;
    }
    if (count === 0) return undefined;
    const proposals = this.#waiting.splice(0, count);
    return { proposals, entries: proposals.map((proposal) => this.#steps.nextEntry(proposal.command)) };
  }
}

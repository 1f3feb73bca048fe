import { errorCode, errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { LogWrite, RaftLogFile } from '../log/types.ts';
import type { LogBase, Ready } from '../raft/index.ts';

export interface PersisterOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly file: RaftLogFile;
  /** All up to this number is durable. */
  readonly persisted: (persistId: number) => void;
  /** The disk is full, or has room again. */
  readonly full: (full: boolean) => void;
  /** The log cannot be written any more, for another reason. */
  readonly failed: (error: unknown) => void;
}

const retryFullMs = 250;

/** Writes Readies to the log, in order: whatever has gathered while one write was under way goes into the next, with one flush. */
export class Persister {
  readonly #options: PersisterOptions;
  #queue: Ready[] = [];
  #dropTo: LogBase | undefined;
  #running: Promise<void> | undefined;
  #dropping: Promise<void> | undefined;
  #held = 0;
  #stopped = false;

  constructor(options: PersisterOptions) {
    this.#options = options;
  }

  /** A write is under way. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  add(ready: Ready): void {
    if (ready.compactedTo !== undefined) this.#dropTo = ready.compactedTo;
    if (ready.persistId !== undefined) this.#queue.push(ready);
    this.#start();
  }

  /** Writes nothing until the log has begun anew behind a snapshot. What waits then loses its entries, which the snapshot covers. */
  async replace(reset: () => Promise<void>): Promise<void> {
    this.#held++;
    try {
      await this.#running;
      await this.#dropping;
      await reset();
      this.#queue = this.#queue.map((ready) => ({ ...ready, entries: [] }));
      this.#dropTo = undefined;
    } finally {
      this.#held--;
      this.#start();
    }
  }

  async close(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.#dropping;
  }

  #start(): void {
    if (this.#held > 0 || this.#stopped) return;
    this.#drop();
    if (this.#running !== undefined || this.#queue.length === 0) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#start();
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 && this.#held === 0 && !this.#stopped) {
      const batch = this.#queue;
      this.#queue = [];
      if (!(await this.#write(batch))) return;
      // oxlint-disable-next-line no-unsafe-type-assertion
      this.#options.persisted(batch.at(-1)?.persistId as number);
    }
  }

  /** false: given up, because the store stops or the log is broken. */
  async #write(batch: readonly Ready[]): Promise<boolean> {
    const writes: LogWrite[] = batch.map(({ hardState, entries }) => ({ hardState, entries }));
    for (let full = false; ;) {
      try {
        await this.#options.file.append(writes);
        if (full) this.#options.full(false);
        return true;
      } catch (error) {
        if (errorCode(error) !== 'ENOSPC') {
          this.#stopped = true;
          this.#options.failed(error);
          return false;
        }
        if (!full) this.#options.full(true);
        full = true;
        if (this.#stopped) return false;
        await this.#options.env.timers.sleep(retryFullMs);
      }
    }
  }

  #drop(): void {
    const base = this.#dropTo;
    if (base === undefined || this.#dropping !== undefined) return;
    this.#dropTo = undefined;
    this.#dropping = this.#options.file
      .dropUpTo(base)
      .catch((error: unknown) => {
        this.#options.log.warn({ error: errorMessage(error) }, 'old entries could not be dropped from the Raft log');
      })
      .finally(() => {
        this.#dropping = undefined;
        this.#start();
      });
  }
}

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
  readonly #stop = new AbortController();
  #queue: Ready[] = [];
  #dropTo: LogBase | undefined;
  #writing = false;
  #running: Promise<void> | undefined;
  #dropping: Promise<void> | undefined;
  /** The log begins anew behind a snapshot: what comes waits. */
  #resetting = false;

  constructor(options: PersisterOptions) {
    this.#options = options;
  }

  /** A write is under way. */
  get busy(): boolean {
    return this.#writing;
  }

  add(ready: Ready): void {
    if (ready.compactedTo !== undefined) this.#dropTo = ready.compactedTo;
    if (ready.persistId !== undefined) this.#queue.push(ready);
    this.#start();
  }

  /** Resolves when all that was added is durable. False: it never will be, since the log is broken or the store stops. */
  async idle(): Promise<boolean> {
    while (this.#running !== undefined || this.#dropping !== undefined) {
      await this.#running;
      await this.#dropping;
    }
    return !this.#stop.signal.aborted;
  }

  /** The log begins anew behind a snapshot; durable when resolved. Only when idle. False: as of `idle`. */
  async reset(base: LogBase): Promise<boolean> {
    this.#resetting = true;
    this.#dropTo = undefined;
    const done = await this.#whileFull(() => this.#options.file.reset(base));
    this.#resetting = false;
    this.#start();
    return done;
  }

  /** What is not written any more is lost, as in a crash. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#dropping;
  }

  #start(): void {
    if (this.#resetting || this.#stop.signal.aborted) return;
    this.#drop();
    if (this.#running !== undefined || this.#queue.length === 0) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#start();
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 && !this.#stop.signal.aborted) {
      const batch = this.#queue;
      this.#queue = [];
      const writes: LogWrite[] = batch.map(({ hardState, entries }) => ({ hardState, entries }));
      this.#writing = true;
      const done = await this.#whileFull(() => this.#options.file.append(writes));
      this.#writing = false;
      if (!done) return;
      // oxlint-disable-next-line no-unsafe-type-assertion
      this.#options.persisted(batch.at(-1)?.persistId as number);
    }
  }

  /** Tries again and again while the disk is full. False: given up, because the store stops or the log is broken. */
  async #whileFull(write: () => Promise<void>): Promise<boolean> {
    const { env, full: setFull, failed } = this.#options;
    for (let full = false; ;) {
      try {
        await write();
        if (full) setFull(false);
        return true;
      } catch (error) {
        if (errorCode(error) !== 'ENOSPC') {
          const stopped = this.#stop.signal.aborted;
          this.#stop.abort();
          if (!stopped) failed(error);
          return false;
        }
        if (!full) setFull(true);
        full = true;
      }
      await env.timers.sleep(retryFullMs, this.#stop.signal).catch(() => undefined);
      if (this.#stop.signal.aborted) return false;
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

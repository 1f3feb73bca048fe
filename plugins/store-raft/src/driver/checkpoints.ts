import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';
import { freeBytes, reserveBytes } from '../disk-space.ts';
import type { StateMachine } from '../state/state-machine.ts';

export interface CheckpointOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly dataDir: string;
  readonly machine: StateMachine;
  /** Room on the disk. Default: asks the file system. */
  readonly freeBytes?: (() => number) | undefined;
  /** The state is on disk up to this entry. */
  readonly durable: (index: number) => void;
  /** There is no room to write the state, or there is again. */
  readonly full: (full: boolean) => void;
  readonly failed: (error: unknown) => void;
}

/** Changes are in memory only for about so long at most. The log has them. */
const periodMs = 250;
const collectChanges = 500;
/** So much is never left to the timer. */
const many = { events: 2_000, bytes: 4 * 1024 * 1024 };
/** Writes come in such numbers that checkpoints follow each other: small ones, since nothing else is done while one is put together. */
const rushMs = 50;

/** Writes the state to its file from time to time, one checkpoint after the other, and removes old history between them. */
export class Checkpoints {
  readonly #options: CheckpointOptions;
  readonly #timer: TimerHandle;
  /** What is under way, and what waits behind it. */
  #chain: Promise<unknown> = Promise.resolve();
  /** A checkpoint waits or is being written. */
  #due = false;
  #full = false;
  #stopped = false;
  #beganMs = -Infinity;

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#timer = options.env.timers.every(periodMs, () => {
      if (this.#full || options.machine.checkpointDue() !== 'none') this.#begin();
    });
  }

  /** Entries have been applied: begins one when there is much to write. On a full disk the timer sees to it. */
  applied(): void {
    if (!this.#due && !this.#full && this.#options.machine.checkpointDue() === 'now' && this.#isPressing())
      this.#begin();
  }

  // The flush of a checkpoint holds up the log's: with few writes the timer is soon enough.
  #isPressing(): boolean {
    const { env, machine } = this.#options;
    const { events, bytes } = machine.unsaved;
    return events >= many.events || bytes >= many.bytes || env.clock.monotonic() - this.#beganMs < rushMs;
  }

  /** Resolves when all that is applied now is in the file, where a frozen read sees it. @throws StoreError NO_SPACE */
  now(): Promise<void> {
    const { machine, dataDir } = this.#options;
    const wanted = machine.standing.appliedIndex;
    return this.exclusively(async () => {
      if (machine.savedIndex >= wanted) return;
      if (this.#stopped) throw new StoreError('STOPPED', 'the store has been stopped');
      if (!this.#hasRoom()) {
        throw new StoreError(
          'NO_SPACE',
          `there is no room to write the state in ${dataDir}: make room, then try again`,
        );
      }
      while ((await machine.checkpoint()) < wanted);
    });
  }

  /** No checkpoint is written while `work` runs. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#chain.then(work);
    this.#chain = done.catch(() => undefined);
    return done;
  }

  /** Ends with a last checkpoint, so that the next start has nothing to do again. */
  async close(): Promise<void> {
    this.#timer.cancel();
    this.#stopped = true;
    await this.exclusively(async () => {
      const { machine } = this.#options;
      if (this.#hasRoom()) {
        await machine.checkpoint();
        while (await machine.collect(collectChanges));
      }
      await machine.flushed();
    }).catch((error: unknown) => {
      this.#options.log.warn({ error: errorMessage(error) }, 'the last checkpoint of the state failed');
    });
  }

  #begin(): void {
    if (this.#due || this.#stopped) return;
    this.#due = true;
    this.#beganMs = this.#options.env.clock.monotonic();
    this.exclusively(() => this.#write()).then(
      () => {
        this.#due = false;
        this.applied();
      },
      (error: unknown) => {
        this.#due = false;
        if (isNoRoom(error)) this.#setFull(true);
        else this.#failed(error);
      },
    );
  }

  async #write(): Promise<void> {
    const { machine, durable } = this.#options;
    if (this.#stopped || !this.#hasRoom()) return;
    const index = await machine.checkpoint();
    // The flush is LMDB's own; what has to be kept in the log until then is not much.
    await machine.flushed();
    this.#setFull(false);
    durable(index);
    while (!this.#stopped && machine.checkpointDue() !== 'now' && (await machine.collect(collectChanges))) {
      await this.#options.env.timers.sleep(0);
    }
  }

  #hasRoom(): boolean {
    const { machine, dataDir } = this.#options;
    const free = this.#options.freeBytes?.() ?? freeBytes(dataDir);
    const enough = free >= reserveBytes + machine.unsaved.bytes * 2;
    if (!enough) this.#setFull(true);
    return enough;
  }

  #setFull(full: boolean): void {
    if (full === this.#full) return;
    this.#full = full;
    this.#options.full(full);
  }

  #failed(error: unknown): void {
    this.#options.log.error({ error: errorMessage(error) }, 'the state could not be written');
    this.#stopped = true;
    this.#options.failed(error);
  }
}

/** LMDB gives the number of the error: ENOSPC or EDQUOT. */
function isNoRoom(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 28 || code === 122 || code === 'ENOSPC' || code === 'EDQUOT';
}

import { errorCode, errorMessage, type Logger } from '@timonel/sdk';
import type { LogDisk } from './log-disk.ts';

const spareName = 'spare.wal';
const newName = 'new.tmp';

/**
 * Files that have their room on the disk and wait to become segments. One at most: made ahead in the background, or a
 * segment that was dropped. What such a file holds is not looked at.
 */
export class SpareSegments {
  readonly #disk: LogDisk;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  #sizeBytes = 0;
  /** Work on the spare file, one at a time. */
  #working: Promise<void> | undefined;

  constructor(disk: LogDisk, log: Logger) {
    this.#disk = disk;
    this.#log = log;
  }

  /** Keeps what the last run left, and removes what it left half made. */
  async recover(): Promise<void> {
    for (const { name, sizeBytes } of await this.#disk.list()) {
      if (name === newName) await this.#disk.remove(name);
      if (name === spareName) this.#sizeBytes = sizeBytes;
    }
    await this.#disk.syncDirectory();
  }

  /** Of the spare, 0: there is none. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Makes a spare in the background if there is none of this size. A failure is found again when one is needed. */
  prepare(sizeBytes: number): void {
    if (this.#working !== undefined || this.#sizeBytes >= sizeBytes || this.#stop.signal.aborted) return;
    this.#work(async () => {
      this.#sizeBytes = 0;
      await this.#disk.allocate(newName, sizeBytes, this.#stop.signal);
      await this.#disk.rename(newName, spareName);
      this.#sizeBytes = sizeBytes;
    }).catch((error: unknown) => {
      if (this.#stop.signal.aborted) return;
      this.#log.warn({ error: errorMessage(error) }, 'the next segment of the Raft log could not be made ahead');
    });
  }

  /** Name of a file of at least this size, which the caller writes and renames. @throws ENOSPC */
  async take(sizeBytes: number): Promise<{ readonly name: string; readonly sizeBytes: number }> {
    while (this.#working !== undefined) await this.#working.catch(() => undefined);
    if (this.#sizeBytes >= sizeBytes) {
      const taken = { name: newName, sizeBytes: this.#sizeBytes };
      this.#sizeBytes = 0;
      // A segment that is dropped meanwhile becomes the next spare.
      await this.#work(() => this.#disk.rename(spareName, newName));
      return taken;
    }
    await this.#disk.allocate(newName, sizeBytes, this.#stop.signal);
    return { name: newName, sizeBytes };
  }

  /** Makes the spare of a dropped segment, or removes it. Durable when resolved. */
  async recycle(name: string, sizeBytes: number, wantedBytes: number): Promise<void> {
    if (this.#working !== undefined || this.#sizeBytes > 0 || sizeBytes !== wantedBytes) {
      await this.#disk.remove(name);
      await this.#disk.syncDirectory();
      return;
    }
    await this.#work(async () => {
      const renamed = await this.#renameToSpare(name);
      // Before that its old name might come back after a crash, with whatever was written to it since.
      await this.#disk.syncDirectory();
      if (renamed) this.#sizeBytes = sizeBytes;
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#working?.catch(() => undefined);
  }

  /** false: an earlier try came so far, and the file may be something else by now. */
  async #renameToSpare(name: string): Promise<boolean> {
    try {
      await this.#disk.rename(name, spareName);
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  #work(run: () => Promise<void>): Promise<void> {
    const working = run().finally(() => {
      this.#working = undefined;
    });
    this.#working = working;
    return working;
  }
}

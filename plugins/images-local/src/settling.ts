import { readFile } from 'node:fs/promises';
import type { ImageRecord } from './image-index.ts';

let ofThisBoot: Promise<string> | undefined;

/** Changes with each boot of the machine. */
export function bootId(): Promise<string> {
  ofThisBoot ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then((text) => text.trim());
  return ofThisBoot;
}

/** Whether all files of an image are what they were: on the disk, or written by the running system. */
export function survived({ unsettled }: ImageRecord, boot: string): boolean {
  return unsettled === undefined || unsettled.startsWith(`${boot} `);
}

interface SettlingParts {
  /** Of the images whose files may not be on the disk. */
  marks(): Promise<readonly string[]>;
  flush(signal: AbortSignal): Promise<void>;
  clear(marks: ReadonlySet<string>): Promise<void>;
}

/**
 * Brings new images to the disk behind the back of whoever waits for them: that takes as long as all that others write there. Until then
 * they carry a mark, and are removed at the next start when the machine went down meanwhile.
 */
export class Settling {
  readonly #parts: SettlingParts;
  readonly #closing: AbortController = new AbortController();
  #again = false;
  #running: Promise<void> | undefined;

  constructor(parts: SettlingParts) {
    this.#parts = parts;
  }

  begin(): void {
    if (this.#closing.signal.aborted) return;
    this.#again = true;
    this.#running ??= this.#run()
      // What fails leaves the marks: with the next image it is tried again.
      .catch(() => void (this.#again = false))
      .finally(() => {
        this.#running = undefined;
        if (this.#again) this.begin();
      });
  }

  /** From now on nothing is changed. A flush under way is cut off. */
  async close(): Promise<void> {
    this.#again = false;
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (this.#again) {
      this.#again = false;
      const marks = new Set(await this.#parts.marks());
      if (marks.size === 0) continue;
      await this.#parts.flush(signal);
      signal.throwIfAborted();
      await this.#parts.clear(marks);
    }
  }
}

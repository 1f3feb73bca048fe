/** Lines in a file, written in the background in the order in which they came; full files are put aside, and old ones removed. */
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface RotatingFileOptions {
  readonly path: string;
  /** A file that is larger is put aside. Bytes. */
  readonly maxBytes: number;
  /** Files that were put aside, at most. */
  readonly maxFiles: number;
  /** Lines that wait, in bytes; what comes beyond is lost. */
  readonly queueBytes: number;
  readonly timestamp: () => string;
  readonly lost: (lines: number, why: string) => void;
}

export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  #file: FileHandle | undefined;
  #bytes = 0;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  /** @throws Error when the file cannot be written */
  async open(): Promise<void> {
    const { path } = this.#options;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    this.#file = await open(path, 'a', 0o600);
    this.#bytes = (await this.#file.stat()).size;
  }

  /** Never waits. */
  write(line: string): void {
    const bytes = Buffer.byteLength(line) + 1;
    if (this.#waitingBytes + bytes > this.#options.queueBytes) {
      this.#options.lost(1, 'more comes than can be written');
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += bytes;
    this.#writing ??= this.#run().finally(() => (this.#writing = undefined));
  }

  /** Resolves when all is written that came before. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #run(): Promise<void> {
    // What comes in the same turn goes in one write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      const text = `${lines.join('\n')}\n`;
      try {
        await this.#append(text);
      } catch (error) {
        this.#options.lost(lines.length, (error as Error).message);
      }
      this.#waitingBytes -= Buffer.byteLength(text);
    }
  }

  async #append(text: string): Promise<void> {
    if (this.#bytes > 0 && this.#bytes + Buffer.byteLength(text) > this.#options.maxBytes) await this.#rotate();
    if (this.#file === undefined) await this.open();
    await this.#file?.appendFile(text);
    this.#bytes += Buffer.byteLength(text);
  }

  async #rotate(): Promise<void> {
    const { path, timestamp } = this.#options;
    await this.#file?.close();
    this.#file = undefined;
    const aside = `${path}.${timestamp().replaceAll(':', '')}`;
    let name = aside;
    for (let count = 1; await isThere(name); count += 1) name = `${aside}.${String(count).padStart(4, '0')}`;
    await rename(path, name).catch((error: unknown) => {
      // Somebody has moved or removed it: there is nothing to put aside.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
    await this.#removeOld();
    await this.open();
  }

  async #removeOld(): Promise<void> {
    const { path, maxFiles } = this.#options;
    const start = `${basename(path)}.`;
    const aside = (await readdir(dirname(path))).filter((name) => name.startsWith(start)).toSorted();
    for (const name of aside.slice(0, Math.max(0, aside.length - maxFiles))) {
      await rm(join(dirname(path), name), { force: true });
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

import * as fs from 'node:fs';
import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode, errorMessage } from '@timonel/sdk';
import { syncDirectory } from '@timonel/sdk/files';
import type { LogDisk, LogFile } from './log-disk.ts';

const zeroBytes = 1024 * 1024;
// Secrets of the cluster are in it.
const directoryMode = 0o700;
const fileMode = 0o600;

/**
 * The log's directory in the file system. Files are opened with O_DSYNC and written through the thread pool: one turn of
 * a thread for each append, and no flush holds up the event loop. Compared in docs/adr/007-log-and-state-layout.md.
 */
export class NodeLogDisk implements LogDisk {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  pathOf(name: string): string {
    return join(this.#directory, name);
  }

  async list(): Promise<readonly { readonly name: string; readonly sizeBytes: number }[]> {
    const made = await mkdir(this.#directory, { recursive: true, mode: directoryMode });
    if (made !== undefined) await syncDirectory(dirname(made));
    const files: { readonly name: string; readonly sizeBytes: number }[] = [];
    for (const name of await readdir(this.#directory)) {
      try {
        files.push({ name, sizeBytes: (await stat(this.pathOf(name))).size });
      } catch (error) {
        // A file that was being made ahead has another name by now, or was given up.
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
    return files;
  }

  read(name: string): Promise<Buffer> {
    return readFile(this.pathOf(name));
  }

  async allocate(name: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
    const path = this.pathOf(name);
    try {
      const file = await open(path, 'w', fileMode);
      try {
        const zeros = Buffer.alloc(Math.min(zeroBytes, sizeBytes));
        for (let at = 0; at < sizeBytes; at += zeros.byteLength) {
          signal.throwIfAborted();
          await writeAll(file.fd, zeros.subarray(0, Math.min(zeros.byteLength, sizeBytes - at)), at);
        }
        await file.datasync();
      } finally {
        await file.close();
      }
    } catch (error) {
      await rm(path, { force: true });
      throw this.#named(error);
    }
  }

  async open(name: string): Promise<LogFile> {
    const file = await open(this.pathOf(name), fs.constants.O_RDWR | fs.constants.O_DSYNC);
    return {
      write: async (bytes, position) => {
        try {
          await writeAll(file.fd, bytes, position);
        } catch (error) {
          throw this.#named(error);
        }
      },
      close: () => file.close(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    try {
      await rename(this.pathOf(from), this.pathOf(to));
    } catch (error) {
      throw this.#named(error);
    }
  }

  remove(name: string): Promise<void> {
    return rm(this.pathOf(name), { force: true });
  }

  async syncDirectory(): Promise<void> {
    try {
      await syncDirectory(this.#directory);
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** A full disk and a used-up quota are the same to whoever appends. Other errors stay what they are. */
  #named(error: unknown): unknown {
    const code = errorCode(error);
    if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
    const message = `there is no room left for the Raft log in ${this.#directory}: make room (${errorMessage(error)})`;
    return Object.assign(new Error(message, { cause: error }), { code: 'ENOSPC' });
  }
}

/** By the plain call: a FileHandle costs several µs more. */
function writeSome(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, bytes, 0, bytes.byteLength, position, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
}

/** A disk that fills up takes a part, and refuses the rest. */
async function writeAll(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.byteLength) {
    written += await writeSome(fd, written === 0 ? bytes : bytes.subarray(written), position + written);
  }
}

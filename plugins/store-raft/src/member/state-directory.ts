import { existsSync, readdirSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '@timonel/sdk/files';
import { StateFile } from '../state/state-file.ts';

const statePattern = /^state-(\d{6})\.mdb$/;

function nameOf(generation: number): string {
  return `state-${String(generation).padStart(6, '0')}.mdb`;
}

function remove(path: string): void {
  rmSync(path, { force: true });
  rmSync(`${path}-lock`, { force: true });
}

/** Whatever has been written to the file so far is on disk then. */
async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * The state files of a member. There is one, but while a snapshot is installed: then the next one, which is complete before it has
 * its name, takes the place of the former, and counts from that on.
 */
export class StateDirectory {
  readonly #dataDir: string;
  readonly #mapBytes: number | undefined;
  #generation = 0;

  constructor(dataDir: string, mapBytes: number | undefined) {
    this.#dataDir = dataDir;
    this.#mapBytes = mapBytes;
  }

  /** Opens the newest file; undefined when there is none. @throws StoreError CORRUPT */
  async open(): Promise<StateFile | undefined> {
    const generations = this.#generations();
    const newest = generations.pop();
    if (newest === undefined) return undefined;
    this.#generation = newest;
    const path = this.#path(newest);
    const file = new StateFile(path, this.#mapBytes);
    try {
      // What a killed process had written may not be on disk yet, and the log is cut behind it.
      await syncFile(path);
      for (const generation of generations) remove(this.#path(generation));
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The file of a member that has none. */
  async first(): Promise<StateFile> {
    const file = new StateFile(this.#path(0), this.#mapBytes);
    try {
      await file.flushed();
      await syncFile(file.path);
      await syncDirectory(this.#dataDir);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** An empty file at a path of the caller's, to be filled and then adopted. */
  make(path: string): StateFile {
    remove(path);
    return new StateFile(path, this.#mapBytes);
  }

  /** Takes in a complete file that was made beside: from now on it is the newest, also after a crash. */
  async adopt(made: StateFile): Promise<StateFile> {
    await made.flushed();
    await made.close();
    await syncFile(made.path);
    const path = this.#path(this.#generation + 1);
    remove(path);
    await rename(made.path, path);
    this.#generation += 1;
    await syncDirectory(this.#dataDir);
    return new StateFile(path, this.#mapBytes);
  }

  async discard(file: StateFile): Promise<void> {
    await file.close();
    remove(file.path);
  }

  get count(): number {
    return this.#generations().length;
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  #path(generation: number): string {
    return join(this.#dataDir, nameOf(generation));
  }

  #generations(): number[] {
    if (!existsSync(this.#dataDir)) return [];
    return readdirSync(this.#dataDir)
      .flatMap((name) => statePattern.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }
}

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkLmdbHeader } from '../lmdb-file.ts';
import { StateFile } from '../state/state-file.ts';

const statePattern = /^state-(\d{6})\.mdb$/;

function nameOf(generation: number): string {
  return `state-${String(generation).padStart(6, '0')}.mdb`;
}

function remove(path: string): void {
  rmSync(path, { force: true });
  rmSync(`${path}-lock`, { force: true });
}

/**
 * The state files of a member. There is one, but while a snapshot is installed: then the next one is filled beside it, and counts as
 * soon as its meta record is written.
 */
export class StateDirectory {
  readonly #dataDir: string;
  readonly #mapBytes: number | undefined;
  #generation = 0;

  constructor(dataDir: string, mapBytes: number | undefined) {
    this.#dataDir = dataDir;
    this.#mapBytes = mapBytes;
  }

  /** Opens the newest file that is complete; undefined when there is none. @throws StoreError CORRUPT */
  async open(): Promise<StateFile | undefined> {
    const generations = this.#generations();
    // All are looked at before one is opened: LMDB may crash on a file that is not its own.
    for (const generation of generations) checkLmdbHeader(this.#path(generation));
    let found: StateFile | undefined;
    for (const generation of generations.toReversed()) {
      if (found !== undefined) {
        remove(this.#path(generation));
        continue;
      }
      const file = new StateFile(this.#path(generation), this.#mapBytes);
      if (file.readMeta() === undefined) {
        await file.close();
        if (generations.length > 1) remove(this.#path(generation));
        continue;
      }
      found = file;
      this.#generation = generation;
    }
    return found;
  }

  /** An empty file beside the present one. */
  async next(): Promise<StateFile> {
    const path = this.#path(++this.#generation);
    remove(path);
    return new StateFile(path, this.#mapBytes);
  }

  /** The file of a member that has none. */
  first(): StateFile {
    return new StateFile(this.#path(0), this.#mapBytes);
  }

  async discard(file: StateFile): Promise<void> {
    await file.close();
    remove(file.path);
  }

  get isEmpty(): boolean {
    return this.#generations().length === 0;
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

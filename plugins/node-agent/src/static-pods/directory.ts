/** The manifests of a directory, read again when it changes. */
import { constants, watch, type FSWatcher } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, type Env, type TimerHandle } from '@timonel/sdk';
import type { ManifestFile } from './manifest.ts';

export interface ReadManifests {
  readonly files: readonly ManifestFile[];
  /** Of files that cannot be read, by name. */
  readonly problems: ReadonlyMap<string, string>;
}

export interface DirectoryParts {
  readonly path: string;
  readonly env: Env;
  /** Between two looks without a sign of a change. */
  readonly intervalMs: number;
  changed(): void;
}

const fileLimitBytes = 1024 * 1024;
const fileLimit = 500;
/** A file is written in several steps. */
const restMs = 100;

/** Names with a dot in front are none of ours. One that is not there is empty. @throws Error when it cannot be read */
export async function readManifests(path: string): Promise<ReadManifests> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const files: ManifestFile[] = [];
  const problems = new Map<string, string>();
  for (const name of names.filter((each) => !each.startsWith('.')).toSorted()) {
    if (files.length >= fileLimit) problems.set(name, `there are more than ${fileLimit} manifests`);
    else {
      const text = await textOf(join(path, name)).catch((error: unknown) => ({ problem: errorMessage(error) }));
      if (typeof text === 'string') files.push({ name, text });
      else if (text !== undefined) problems.set(name, text.problem);
    }
  }
  return { files, problems };
}

/** Undefined: it is no file. @throws Error when it is too large, or not to be read */
async function textOf(path: string): Promise<string | undefined> {
  // A pipe without a writer must not be waited for.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) return undefined;
    if (found.size > fileLimitBytes) throw new Error(`it has ${found.size} bytes, and ${fileLimitBytes} are the most`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** Tells of changes, sooner or later: notices may be lost, looks are not. */
export class WatchedDirectory {
  readonly #parts: DirectoryParts;
  #watcher: FSWatcher | undefined;
  #poll: TimerHandle | undefined;
  #rest: TimerHandle | undefined;

  constructor(parts: DirectoryParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#watch();
    this.#poll = this.#parts.env.timers.every(this.#parts.intervalMs, () => {
      this.#watch();
      this.#parts.changed();
    });
  }

  stop(): void {
    this.#poll?.cancel();
    this.#rest?.cancel();
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** The directory may come later, or be replaced. */
  #watch(): void {
    if (this.#watcher !== undefined) return;
    try {
      const watcher = watch(this.#parts.path, { persistent: false }, (event) => {
        this.#soon();
        if (event === 'rename') this.#again();
      });
      watcher.on('error', () => this.#again());
      this.#watcher = watcher;
    } catch {
      // Looked at every now and then.
    }
  }

  #again(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watch();
  }

  #soon(): void {
    this.#rest?.cancel();
    this.#rest = this.#parts.env.timers.after(restMs, () => this.#parts.changed());
  }
}

import { accessSync, closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode, errorMessage, type Env, type Logger } from '@timonel/sdk';
import { bootId, instanceOf } from '@timonel/sdk/linux';
import type { Launcher } from './launcher.ts';
import { readJson, writeAtomically } from './records.ts';

const fallbackName = 'run';
const takeAttempts = 100;
const takePauseMs = 10;

interface Stamp {
  readonly id: string;
  readonly bootId: string;
}

/** Where a runtime keeps what means something to this boot only. `base`: empty for the usual place. */
export function runPathOf(dataDir: string, base: string): string {
  const bases = base !== '' ? [base] : ['/run', process.env['XDG_RUNTIME_DIR'] ?? ''];
  const usable = bases.find((each) => each.startsWith('/') && isWritable(each));
  return usable === undefined ? join(dataDir, fallbackName) : join(usable, `timonel-${instanceOf(dataDir)}`);
}

/** The run directory: a small file system in memory where one can be mounted, else a directory that a new boot empties. */
export class RunDirectory {
  readonly path: string;
  readonly #launcher: Launcher;
  readonly #env: Env;
  readonly #log: Logger;
  /** Keeps the file system from being unmounted by another runtime of the same data, which ends while we begin. */
  #hold: number | undefined;
  #id = '';

  constructor(path: string, { launcher, env, log }: { launcher: Launcher; env: Env; log: Logger }) {
    this.path = path;
    this.#launcher = launcher;
    this.#env = env;
    this.#log = log;
  }

  /** Another one with each boot, and whenever what was in the directory is gone. */
  get id(): string {
    return this.#id;
  }

  async open(): Promise<void> {
    await this.#take();
    const file = join(this.path, 'stamp.json');
    const boot = bootId();
    let stamp = readJson(file) as Stamp | undefined;
    if (stamp?.bootId !== boot) {
      if (!this.#isMounted()) this.#empty();
      stamp = { id: this.#env.random.uuid(), bootId: boot };
      writeAtomically(file, JSON.stringify(stamp));
    }
    this.#id = stamp.id;
  }

  /** `isUnused`: nothing in it is of use to whoever comes next. */
  close(isUnused: boolean): void {
    if (this.#hold === undefined) return;
    closeSync(this.#hold);
    this.#hold = undefined;
    // It is in use still where another runtime has it open already.
    if (isUnused && this.#isMounted()) this.#launcher.run('unmount', this.path).catch(() => undefined);
  }

  /** Another runtime of the same data may be about to unmount it: then it is made anew. */
  async #take(): Promise<void> {
    for (let attempt = 0; attempt < takeAttempts; attempt++) {
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
      const { uid } = lstatSync(this.path);
      if (uid !== process.getuid?.()) {
        throw new Error(`${this.path} belongs to user ${uid}: remove it, or name another place with runDirectory`);
      }
      const mounted = this.#isMounted() || (await this.#mount());
      if (this.#grasp(mounted)) return;
      await this.#env.timers.sleep(takePauseMs);
    }
    throw new Error(`${this.path} is unmounted again and again: does another runtime use the same data directory?`);
  }

  /** False: it is gone, or another one by now. */
  #grasp(mounted: boolean): boolean {
    let hold: number;
    try {
      hold = openSync(this.path, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
    const [held, now] = [fstatSync(hold), lstatSync(this.path, { throwIfNoEntry: false })];
    if (held.dev === now?.dev && held.ino === now.ino && this.#isMounted() === mounted) {
      this.#hold = hold;
      return true;
    }
    closeSync(hold);
    return false;
  }

  #isMounted(): boolean {
    return lstatSync(this.path).dev !== lstatSync(dirname(this.path)).dev;
  }

  async #mount(): Promise<boolean> {
    try {
      await this.#launcher.run('mount', this.path);
      return true;
    } catch (error) {
      this.#log.info(
        { path: this.path, why: errorMessage(error) },
        'no file system in memory could be mounted: what a boot ends is kept on disk, and pods start more slowly',
      );
      return false;
    }
  }

  /** What a boot left of the last one. */
  #empty(): void {
    rmSync(this.path, { recursive: true, force: true });
    mkdirSync(this.path, { mode: 0o700 });
  }
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

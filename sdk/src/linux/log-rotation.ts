/** Rotation of logs that programs of the host write: a full file becomes `<path>.1`, that one `<path>.2`, and so on. */
import { rename, stat } from 'node:fs/promises';
import { errorCode, type Env, type Logger, type TimerHandle } from '../kernel/index.ts';

export interface LogLimits {
  /** 0: none. */
  readonly logMaxBytes: number;
  /** The one that is written to among them. */
  readonly logMaxFiles: number;
}

export interface HostLog {
  readonly path: string;
  /** True: it was full. @throws Error */
  rotate(): Promise<boolean>;
}

/** Twice a second is quick enough for most; while a log is full again and again all are looked at more often, so that a flood is bounded. */
const periodMs = { quiet: 500, flood: 50 };

/** Looks at the logs of a runtime again and again. */
export class LogRotation {
  readonly #env: Env;
  readonly #log: Logger;
  readonly #logs: () => Promise<readonly HostLog[]>;
  #timer: TimerHandle | undefined;
  #closed = false;

  /** `logs`: those that are written to. */
  constructor(env: Env, log: Logger, logs: () => Promise<readonly HostLog[]>) {
    this.#env = env;
    this.#log = log;
    this.#logs = logs;
  }

  open(): void {
    this.#schedule(false);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #schedule(flood: boolean): void {
    if (this.#closed) return;
    this.#timer = this.#env.timers.after(flood ? periodMs.flood : periodMs.quiet, () => {
      void this.#look().then((full) => {
        this.#schedule(full);
      });
    });
  }

  /** True: one was full. */
  async #look(): Promise<boolean> {
    let full = false;
    try {
      for (const log of await this.#logs()) full = (await this.#rotate(log)) || full;
    } catch (error) {
      this.#log.debug({ error }, 'looking at the logs is put off');
    }
    return full;
  }

  async #rotate(log: HostLog): Promise<boolean> {
    try {
      return await log.rotate();
    } catch (error) {
      this.#log.debug({ error, path: log.path }, 'this log is not rotated');
      return false;
    }
  }
}

/** Makes room at `<path>.1`: what is there moves on, and what would have a number beyond `last` goes. @throws Error */
export async function shiftLogs(path: string, last: number): Promise<void> {
  for (let number = last - 1; number >= 1; number -= 1) {
    await rename(`${path}.${number}`, `${path}.${number + 1}`).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw error;
    });
  }
}

/** Undefined: there is no such log. @throws Error */
export async function logStat(path: string): Promise<{ readonly inode: number; readonly size: number } | undefined> {
  try {
    const { ino, size } = await stat(path);
    return { inode: ino, size };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

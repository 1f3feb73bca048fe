import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '@timonel/sdk';
import { ImageError } from '@timonel/sdk/contracts/images';
import { readFileIfThere } from '@timonel/sdk/files';

const pollMs = 25;

/**
 * One writer at a time: inside this process by a queue, between processes by a lock file that names its holder. A lock
 * whose holder is dead is taken over.
 */
export class StoreLock {
  readonly #path: string;
  readonly #env: Env;
  readonly #timeoutMs: number;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(dataDir: string, env: Env, timeoutMs: number) {
    this.#path = join(dataDir, 'lock');
    this.#env = env;
    this.#timeoutMs = timeoutMs;
  }

  /** Runs `work` while no one else changes the store. @throws ImageError ImageInspectError when the wait is over. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(async () => {
      await this.#acquire();
      try {
        return await work();
      } finally {
        await rm(this.#path, { force: true });
      }
    });
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #acquire(): Promise<void> {
    const mine = `${this.#path}.${process.pid}.${this.#env.random.uuid()}`;
    await writeFile(mine, `${process.pid} ${await processStartTime(process.pid)}\n`, { mode: 0o600 });
    try {
      const deadline = this.#env.clock.monotonic() + this.#timeoutMs;
      while (!(await this.#tryLink(mine))) {
        const holder = await readFileIfThere(this.#path);
        if (holder !== undefined && !(await isAlive(holder))) {
          await this.#takeAway(holder, mine);
          continue;
        }
        if (this.#env.clock.monotonic() >= deadline) {
          throw new ImageError(
            'ImageInspectError',
            `the image store is being changed by process ${holder?.split(' ')[0] ?? '?'} for more than ${this.#timeoutMs} ms; try again when it is done`,
          );
        }
        await this.#env.timers.sleep(pollMs);
      }
    } finally {
      await rm(mine, { force: true });
    }
  }

  async #tryLink(mine: string): Promise<boolean> {
    try {
      await link(mine, this.#path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }

  // Two processes may see the same dead holder: whoever renames the lock looks at what it really took, and gives a
  // live one back.
  async #takeAway(deadHolder: string, mine: string): Promise<void> {
    const aside = `${mine}.stale`;
    try {
      await rename(this.#path, aside);
      if ((await readFile(aside, 'utf8')) !== deadHolder) await link(aside, this.#path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
    } finally {
      await rm(aside, { force: true });
    }
  }
}

// The pid alone could have been given to another process since.
async function isAlive(holder: string): Promise<boolean> {
  const [pid, startTime] = holder.trim().split(' ');
  const found = await processStartTime(Number(pid));
  return found !== '' && found === startTime;
}

/** Field 22 of /proc/PID/stat: when the process began, in clock ticks since boot. Empty: no such process. */
export async function processStartTime(pid: number): Promise<string> {
  const text = await readFileIfThere(`/proc/${pid}/stat`).catch(() => undefined);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' ? '' : (fields[19] ?? '');
}

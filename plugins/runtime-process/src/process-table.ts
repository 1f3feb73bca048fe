/** Remembers on disk which processes were started, so that the next process of ours can end what a crash left behind. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '@timonel/sdk/files';
import { startTimeOf } from './process-figures.ts';

interface Entry {
  readonly pid: number;
  readonly startTime: string;
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('startTime' in value)) return false;
  return typeof value.pid === 'number' && value.pid > 1 && typeof value.startTime === 'string';
}

export class ProcessTable {
  readonly #path: string;
  readonly #entries = new Map<number, Entry>();
  #writing: Promise<void> = Promise.resolve();
  #scheduled = false;

  constructor(dataDir: string) {
    this.#path = join(dataDir, 'processes.json');
  }

  /** Ends process groups of a former run that are still there. Answers how many. */
  async endLeftOvers(): Promise<number> {
    const text = await readFile(this.#path, 'utf8').catch(() => '[]');
    const entries: unknown = JSON.parse(text);
    let ended = 0;
    for (const entry of Array.isArray(entries) ? entries : []) {
      if (!isEntry(entry) || this.#entries.has(entry.pid) || (await startTimeOf(entry.pid)) !== entry.startTime)
        continue;
      killGroup(entry.pid, 'SIGKILL');
      ended += 1;
    }
    await this.#save();
    return ended;
  }

  async add(pid: number): Promise<void> {
    const startTime = await startTimeOf(pid);
    if (startTime === undefined) return;
    this.#entries.set(pid, { pid, startTime });
    await this.#save();
  }

  async remove(pid: number): Promise<void> {
    if (this.#entries.delete(pid)) await this.#save();
  }

  /** One write at a time; a change during a write is in the next. */
  #save(): Promise<void> {
    if (this.#scheduled) return this.#writing;
    this.#scheduled = true;
    this.#writing = this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#scheduled = false;
        return writeFileAtomically(this.#path, JSON.stringify([...this.#entries.values()]));
      });
    return this.#writing;
  }
}

/** False: there was none. */
export function killGroup(pid: number, signal: NodeJS.Signals | number): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

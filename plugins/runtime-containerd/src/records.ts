import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import type { LinuxResources } from '@timonel/sdk/contracts/runtime';
import { isId } from '@timonel/sdk/linux';

/** What became of a container that containerd does not remember. */
export interface ContainerRecord {
  /** Signals that we sent to its first process, so that an exit code of 128 + n can be told from a death by signal n. */
  readonly signals?: readonly number[];
  /** It was stopped before it ever ran, at this time (ms since the epoch). */
  readonly stoppedUnstarted?: number;
  /** The limits after an update. */
  readonly resources?: LinuxResources;
}

const messageLimitBytes = 4096;

/** One directory for each container or sandbox that had something to remember. */
export class Records {
  readonly #directory: string;
  readonly #known = new Map<string, ContainerRecord>();

  constructor(dataDir: string) {
    this.#directory = join(dataDir, 'records');
  }

  /** Makes the file that the container finds at its termination message path: every user of it may write it, nobody else sees it. */
  makeMessageFile(id: string): string {
    const path = this.#messageFile(id);
    mkdirSync(join(this.#directory, id), { recursive: true, mode: 0o700 });
    writeFileSync(path, '');
    chmodSync(path, 0o666);
    return path;
  }

  /** At most 4096 bytes of it. */
  message(id: string): string {
    let fd: number;
    try {
      fd = openSync(this.#messageFile(id), 'r');
    } catch {
      return '';
    }
    try {
      const bytes = Buffer.alloc(messageLimitBytes);
      return bytes.toString('utf8', 0, readSync(fd, bytes, 0, messageLimitBytes, 0));
    } finally {
      closeSync(fd);
    }
  }

  async read(id: string): Promise<ContainerRecord> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const text = isId(id) ? await readFileIfThere(this.#recordFile(id)) : undefined;
    let record: ContainerRecord = {};
    try {
      record = JSON.parse(text ?? '{}') as ContainerRecord;
    } catch {
      // Cut off by a crash of the node: as if there were none.
    }
    this.#known.set(id, record);
    return record;
  }

  async add(id: string, change: ContainerRecord): Promise<void> {
    const record = { ...(await this.read(id)), ...change };
    this.#known.set(id, record);
    mkdirSync(join(this.#directory, id), { recursive: true, mode: 0o700 });
    await writeFileAtomically(this.#recordFile(id), JSON.stringify(record));
  }

  remove(id: string): void {
    this.#known.delete(id);
    if (isId(id)) rmSync(join(this.#directory, id), { recursive: true, force: true });
  }

  ids(): string[] {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    return readdirSync(this.#directory);
  }

  #messageFile(id: string): string {
    return join(this.#directory, id, 'termination-message');
  }

  #recordFile(id: string): string {
    return join(this.#directory, id, 'record.json');
  }
}

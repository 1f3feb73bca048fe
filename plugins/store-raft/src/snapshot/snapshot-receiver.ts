import { mkdirSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant } from '@timonel/sdk';
import { StoreError } from '@timonel/sdk/contracts/store';
import { freeBytes, reserveBytes } from '../disk-space.ts';
import type { StateDirectory } from '../member/state-directory.ts';
import type { SnapshotChunk, SnapshotMeta } from '../raft/index.ts';
import { leaseOf } from '../state/record.ts';
import { Overlay } from '../state/overlay.ts';
import type { StateFile } from '../state/state-file.ts';
import { isWholeSnapshot, readSnapshotFile, type SnapshotHead } from './snapshot-file.ts';

/** Gathers the pieces of a snapshot in a file, and makes a state of it. One call at a time. */
export class SnapshotReceiver {
  readonly #path: string;
  readonly #states: StateDirectory;
  readonly #directory: string;

  constructor(dataDir: string, states: StateDirectory) {
    this.#directory = join(dataDir, 'incoming');
    this.#path = join(this.#directory, 'incoming.snapshot');
    this.#states = states;
  }

  /** Adds the next piece; one with offset 0 begins anew. */
  async add({ offset, data }: SnapshotChunk): Promise<void> {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const file = await open(this.#path, offset === 0 ? 'w' : 'r+', 0o600);
    try {
      // A disk that fills up takes a part, and refuses the rest.
      for (let done = 0; done < data.byteLength;) {
        done += (await file.write(data, done, data.byteLength - done, offset + done)).bytesWritten;
      }
    } finally {
      await file.close();
    }
  }

  /**
   * The state of a snapshot whose last piece has come, on disk as the newest of this member. undefined: it is damaged.
   * @throws StoreError NO_SPACE
   */
  async build({ index, term, sizeBytes }: SnapshotMeta): Promise<StateFile | undefined> {
    if (!(await isWholeSnapshot(this.#path, sizeBytes))) return undefined;
    const neededBytes = reserveBytes + sizeBytes * 2;
    if (freeBytes(this.#directory) < neededBytes) {
      throw new StoreError('NO_SPACE', `the state of a snapshot needs ${neededBytes} bytes in ${this.#directory}`);
    }
    const file = this.#states.make(join(this.#directory, 'state.mdb'));
    try {
      const overlay = new Overlay();
      let head: SnapshotHead | undefined;
      await readSnapshotFile(
        this.#path,
        (found) => {
          head = found;
          for (const lease of found.leases) overlay.leases.set(lease.id, lease);
        },
        async (records) => {
          for (const { key, record } of records) {
            const leaseId = leaseOf(record);
            if (leaseId !== 0) overlay.leaseKeys.push({ leaseId, key: key.toString('utf8'), added: true });
          }
          await file.load(records);
        },
      );
      if (head === undefined) return undefined;
      const { meta } = head;
      invariant(
        meta.appliedIndex === index && meta.appliedTerm === term,
        'a snapshot holds the state it is named after',
      );
      const { revision } = meta;
      await file.save(overlay, {
        ...meta,
        installedIndex: index,
        compactedRevision: revision,
        // The changes that made it are not in it.
        eventsRevision: revision + 1,
      });
      return await this.#states.adopt(file);
    } catch (error) {
      await this.#states.discard(file);
      throw error;
    }
  }

  /** Nothing that has come is wanted any more. */
  async drop(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}

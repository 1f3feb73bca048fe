import type { Database, RootDatabase, Transaction } from 'lmdb';
import { Packr } from 'msgpackr';
import { corruptFile, openLmdb, written } from '../lmdb-file.ts';

/** Where the state machine stands. Kept in the same transaction as what it describes. */
export interface StateMeta {
  readonly format: 1;
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly revision: number;
  /** Oldest revision that can be read. */
  readonly compactedRevision: number;
  /** History before this revision has been removed from the file. Follows `compactedRevision`. */
  readonly collectedRevision: number;
  readonly lastLeaseId: number;
}

export type Table = Database<Buffer, Buffer>;

const packr = new Packr({ useRecords: false });
const metaKey = Buffer.from('state');
const emptyState: StateMeta = {
  format: 1,
  appliedIndex: 0,
  appliedTerm: 0,
  revision: 1,
  compactedRevision: 1,
  collectedRevision: 1,
  lastLeaseId: 0,
};

/** The LMDB file of the state, its tables, and the read transaction that all reads between two applies share. */
export class StateFile {
  /** Key → its present version. */
  readonly current: Table;
  /** Key and the revision that ended it → the former version (`historyKey`). */
  readonly history: Table;
  /** Revision → the keys it changed. */
  readonly changes: Table;
  /** Lease id → time to live. */
  readonly leases: Table;
  /** Lease id and key → nothing. */
  readonly leaseKeys: Table;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #path: string;
  readonly #meta: Table;
  #read: Transaction | undefined;

  /** @throws StoreError CORRUPT */
  constructor(path: string, mapBytes?: number) {
    this.#path = path;
    this.#root = openLmdb(path, { mapBytes, overlappingSync: true });
    const table = (name: string): Table => this.#root.openDB({ name, encoding: 'binary', keyEncoding: 'binary' });
    this.current = table('current');
    this.history = table('history');
    this.changes = table('changes');
    this.leases = table('leases');
    this.leaseKeys = table('lease-keys');
    this.#meta = table('meta');
    this.renewRead();
  }

  readMeta(): StateMeta {
    const bytes = this.#meta.get(metaKey);
    if (bytes === undefined) return emptyState;
    const meta = packr.unpack(bytes) as StateMeta;
    if (meta.format !== 1) throw corruptFile(this.#path, `its content has the format ${String(meta.format)}, not 1`);
    return meta;
  }

  writeMeta(meta: StateMeta): void {
    this.#meta.putSync(metaKey, packr.pack(meta));
  }

  /** The state as it was after the last apply, whatever is being written meanwhile. */
  get read(): Transaction {
    if (this.#read === undefined) throw new Error('the state file is closed');
    return this.#read;
  }

  /** Runs `change` in one write transaction. Resolves when it is committed and seen by reads; the flush goes on. */
  async write(change: () => void): Promise<void> {
    let failure: unknown;
    let failed = false;
    const transaction = this.#root.transaction(() => {
      try {
        change();
      } catch (error) {
        failure = error;
        failed = true;
        throw error;
      }
    });
    await written(this.#root, transaction);
    if (failed) throw failure;
    this.renewRead();
  }

  /** Resolves when everything committed so far is on disk. */
  async flushed(): Promise<void> {
    await written(this.#root, this.#root.flushed);
  }

  /** Lets reads see what has been committed. */
  renewRead(): void {
    this.#read?.done();
    this.#root.resetReadTxn();
    this.#read = this.#root.useReadTransaction();
  }

  /** Keeps the state as reads see it now, for a long read. Call `done` on it. */
  openRead(): Transaction {
    const read = this.read as Transaction & { use(): void };
    read.use();
    return read;
  }

  async close(): Promise<void> {
    this.#read?.done();
    this.#read = undefined;
    await this.#root.close();
  }
}

import { statSync } from 'node:fs';
import type { KeyValue, Lease } from '@timonel/sdk/contracts/store';
import type { Database, RootDatabase, Transaction } from 'lmdb';
import { Packr } from 'msgpackr';
import { corruptFile, openLmdb, written } from '../lmdb-file.ts';
import type { Configuration, SessionSnapshot } from '../raft/index.ts';
import type { Applied } from './applied.ts';
import type { Overlay } from './overlay.ts';
import { FrozenState, type CurrentTable } from './frozen-state.ts';
import { keyCodec, versionCodec, type Version } from './version-codec.ts';
import {
  changeKey,
  decodeChange,
  decodeChangedKey,
  encodeChange,
  leaseKeyOf,
  numberKey,
  type ChangeRecord,
} from './record.ts';

/** Where the state machine stands. Kept in the same transaction as what it describes. */
export interface StateMeta {
  readonly format: 2;
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  /** In force at `appliedIndex`. */
  readonly configuration: Configuration;
  readonly revision: number;
  /** Oldest revision that can be read. */
  readonly compactedRevision: number;
  /** First revision whose changes are kept: `compactedRevision`, or later when the history came to an end in a snapshot. */
  readonly eventsRevision: number;
  readonly lastLeaseId: number;
  /** The applied index of the snapshot that this file was made from; 0: of none. */
  readonly installedIndex: number;
  readonly sessions: SessionSnapshot<Applied>;
}

type Table = Database<Buffer, Buffer>;

const packr = new Packr({ useRecords: false });
const metaKey = Buffer.from('state');
const noBytes: Buffer = Buffer.alloc(1);
const noValue: Uint8Array = new Uint8Array(0);

/**
 * The LMDB file of the state as it was at the last checkpoint. Reads see the checkpoint that was last committed; a checkpoint is
 * written by a thread of LMDB's own.
 */
export class StateFile {
  readonly path: string;
  readonly #root: RootDatabase<Buffer, Buffer>;
  /** Key → its present version. */
  readonly #current: CurrentTable;
  /** Revision and place → what changed, and the version before. */
  readonly #history: Table;
  /** Lease id → time to live. */
  readonly #leases: Table;
  /** Lease id and key → nothing. */
  readonly #leaseKeys: Table;
  readonly #meta: Table;
  #read: Transaction | undefined;
  readonly #frozen = new Set<FrozenState>();

  /** @throws StoreError CORRUPT */
  constructor(path: string, mapBytes?: number) {
    this.path = path;
    this.#root = openLmdb(path, { mapBytes, overlappingSync: true });
    const table = (name: string): Table => this.#root.openDB({ name, encoding: 'binary', keyEncoding: 'binary' });
    const codecs = { encoder: versionCodec, keyEncoder: keyCodec };
    this.#current = this.#root.openDB({ name: 'current', ...codecs });
    this.#history = table('history');
    this.#leases = table('leases');
    this.#leaseKeys = table('lease-keys');
    this.#meta = table('meta');
    this.#renewRead();
  }

  get sizeBytes(): number {
    return statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** undefined: nothing has been written yet. @throws StoreError CORRUPT */
  readMeta(): StateMeta | undefined {
    const bytes = this.#meta.get(metaKey);
    if (bytes === undefined) return undefined;
    const meta = packr.unpack(bytes) as StateMeta;
    if (meta.format !== 2) {
      throw corruptFile(this.path, `its content has the format ${String(meta.format)}, and this version knows 2`);
    }
    return meta;
  }

  get(key: string): KeyValue | undefined {
    const version = this.#current.get(key, { transaction: this.#transaction }) as Version | undefined;
    return version === undefined ? undefined : { key, ...version };
  }

  has(key: string): boolean {
    return this.#current.get(key, { transaction: this.#transaction }) !== undefined;
  }

  /** Present versions from `start` up to, not including, `end`, at most `limit`. */
  page(start: string, end: Buffer | undefined, limit: number, keysOnly: boolean): KeyValue[] {
    const found: KeyValue[] = [];
    const bounds = { start, transaction: this.#transaction, ...(end === undefined ? {} : { end }) };
    const range = limit === Infinity ? bounds : { ...bounds, limit };
    this.#current.getRange(range).forEach((entry) => {
      // What the two codecs make of it.
      const { value, createRevision, modRevision, version, lease } = entry.value as Version;
      const key = entry.key as string;
      found.push({ key, value: keysOnly ? noValue : value, createRevision, modRevision, version, lease });
    });
    return found;
  }

  count(start: string, end: Buffer | undefined): number {
    const range = { start, transaction: this.#transaction, ...(end === undefined ? {} : { end }) };
    return this.#current.getKeysCount(range);
  }

  /** The changes of the revisions `from` to `to`, in order. */
  *changes(from: number, to: number): Generator<ChangeRecord> {
    const range = { start: numberKey(from), end: numberKey(to + 1), transaction: this.#transaction };
    for (const { key, value } of this.#history.getRange(range)) yield decodeChange(key, value);
  }

  /** Which keys the retained revisions from `from` on changed. */
  *changedKeys(from: number): Generator<{ readonly revision: number; readonly key: string }> {
    const range = { start: numberKey(from), transaction: this.#transaction };
    for (const { key, value } of this.#history.getRange(range)) yield decodeChangedKey(key, value);
  }

  *leases(): Generator<Lease> {
    for (const { key, value } of this.#leases.getRange({ transaction: this.#transaction })) {
      yield { id: key.readUIntBE(0, 6), ttlMs: value.readDoubleBE(0) };
    }
  }

  *leaseKeys(): Generator<{ readonly leaseId: number; readonly key: string }> {
    for (const key of this.#leaseKeys.getKeys({ transaction: this.#transaction })) {
      yield { leaseId: key.readUIntBE(0, 6), key: key.toString('utf8', 6) };
    }
  }

  /** Writes a checkpoint, all or nothing. Resolves when reads see it; `flushed` tells when it is on disk. */
  async save(overlay: Overlay, meta: StateMeta): Promise<void> {
    const batch = this.#root.batch(() => {
      for (const [key, kv] of overlay.current) {
        void (kv === undefined ? this.#current.remove(key) : this.#current.put(key, kv));
      }
      for (const { revision, events } of overlay.revisions) {
        for (const [place, event] of events.entries()) {
          void this.#history.put(changeKey(revision, place), encodeChange(event));
        }
      }
      for (const [id, lease] of overlay.leases) {
        void (lease === undefined
          ? this.#leases.remove(numberKey(id))
          : this.#leases.put(numberKey(id), doubleOf(lease.ttlMs)));
      }
      for (const { leaseId, key, added } of overlay.leaseKeys) {
        const keyBytes = leaseKeyOf(leaseId, key);
        void (added ? this.#leaseKeys.put(keyBytes, noBytes) : this.#leaseKeys.remove(keyBytes));
      }
      void this.#meta.put(metaKey, packr.pack(meta));
    });
    await written(this.#root, batch);
    this.#renewRead();
  }

  /** Removes history of revisions before `before`, at most `limit` changes. True: there is more. */
  async collect(before: number, limit: number): Promise<boolean> {
    const range = { start: numberKey(0), end: numberKey(before), limit, transaction: this.#transaction };
    const keys = Array.from(this.#history.getKeys(range));
    if (keys.length === 0) return false;
    const batch = this.#root.batch(() => {
      for (const key of keys) void this.#history.remove(key);
    });
    await written(this.#root, batch);
    this.#renewRead();
    return keys.length === limit;
  }

  /** Adds records of a snapshot as they are. For a file that nobody reads yet. */
  async load(records: readonly { readonly key: Buffer; readonly record: Buffer }[]): Promise<void> {
    const batch = this.#root.batch(() => {
      for (const { key, record } of records) void this.#current.put(key, record);
    });
    await written(this.#root, batch);
  }

  /** Keeps the state as reads see it now, for a long read. Call `done` when it has been read. Reading fails once the file is closed. */
  freeze(): FrozenState {
    const transaction = this.#transaction as Transaction & { use(): void };
    transaction.use();
    const frozen: FrozenState = new FrozenState(this.#current, transaction, () => this.#frozen.delete(frozen));
    this.#frozen.add(frozen);
    return frozen;
  }

  /** Resolves when everything committed so far is on disk. */
  async flushed(): Promise<void> {
    await written(this.#root, this.#root.flushed);
  }

  async close(): Promise<void> {
    if (this.#read === undefined) return;
    for (const frozen of this.#frozen) frozen.done();
    this.#read.done();
    this.#read = undefined;
    await this.#root.close();
  }

  get #transaction(): Transaction {
    if (this.#read === undefined) throw new Error('the state file is closed');
    return this.#read;
  }

  /** Lets reads see what has been committed. */
  #renewRead(): void {
    this.#read?.done();
    this.#root.resetReadTxn();
    this.#read = this.#root.useReadTransaction();
  }
}

function doubleOf(number: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(number, 0);
  return bytes;
}

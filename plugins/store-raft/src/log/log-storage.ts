import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr';
import type { Database, RootDatabase } from 'lmdb';
import { corruptFile, openLmdb, written } from '../lmdb-file.ts';
import { decodeEntry, encodeEntry, type LogEntry } from './entry.ts';

/** What a member must remember over a crash beside its log (Raft paper, figure 2: persistent state). */
export interface HardState {
  readonly memberId: string;
  readonly term: number;
  readonly votedFor: string | undefined;
  /** Index and term of the last entry that was dropped because the state machine has it on disk. */
  readonly droppedIndex: number;
  readonly droppedTerm: number;
}

const packr = new Packr({ useRecords: false });
const hardStateKey = Buffer.from('hard-state');
const indexBytes = 6;

/** The Raft log in an LMDB file of its own, so that a flush of the log never waits for one of the state. */
export class LogStorage {
  readonly #path: string;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #entries: Database<Buffer, Buffer>;
  readonly #meta: Database<Buffer, Buffer>;
  #hardState: HardState;
  #lastIndex: number;

  /** @throws StoreError CORRUPT */
  constructor(path: string, newMemberId: () => string, mapBytes?: number) {
    this.#path = path;
    // A write resolves when it is on disk.
    this.#root = openLmdb(path, { mapBytes, overlappingSync: false });
    this.#entries = this.#root.openDB({ name: 'entries', encoding: 'binary', keyEncoding: 'binary' });
    this.#meta = this.#root.openDB({ name: 'meta', encoding: 'binary', keyEncoding: 'binary' });
    const stored = this.#readHardState();
    this.#hardState = stored ?? {
      memberId: newMemberId(),
      term: 0,
      votedFor: undefined,
      droppedIndex: 0,
      droppedTerm: 0,
    };
    this.#lastIndex = this.#readLastIndex();
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  /** Index of the last entry, dropped ones included. */
  get lastIndex(): number {
    return this.#lastIndex;
  }

  /** Resolves when it is on disk. */
  async saveHardState(hardState: HardState): Promise<void> {
    this.#hardState = hardState;
    await written(this.#root, this.#putHardState(hardState));
  }

  /** Appends entries that follow the last one. Resolves when they are on disk, all in one flush. */
  async append(entries: readonly LogEntry[]): Promise<void> {
    const puts: Promise<boolean>[] = [];
    for (const entry of entries) {
      if (entry.index !== this.#lastIndex + 1)
        throw new Error(`entry ${entry.index} does not follow ${this.#lastIndex}`);
      puts.push(this.#entries.put(indexKey(entry.index), encodeEntry(entry)));
      this.#lastIndex = entry.index;
    }
    await written(this.#root, Promise.all(puts));
  }

  /** Entries from `from` to the end. @throws StoreError CORRUPT at a damaged or missing one */
  *read(from: number): Generator<LogEntry> {
    let expected = from;
    for (const { key, value } of this.#entries.getRange({ start: indexKey(from) })) {
      const index = key.readUIntBE(0, indexBytes);
      if (index !== expected) throw corruptFile(this.#path, `entry ${expected} of the log is missing`);
      const entry = decodeEntry(value, index);
      if (typeof entry === 'string') throw corruptFile(this.#path, `entry ${index} of the log: ${entry}`);
      yield entry;
      expected++;
    }
  }

  /** Drops the entries up to `index`, which the state machine has on disk. Not waited for: it may be done again. */
  async dropUpTo(index: number, term: number): Promise<void> {
    const from = this.#hardState.droppedIndex + 1;
    if (index < from) return;
    this.#hardState = { ...this.#hardState, droppedIndex: index, droppedTerm: term };
    const removals: Promise<boolean>[] = [];
    const batch = this.#root.batch(() => {
      removals.push(this.#putHardState(this.#hardState));
      for (let at = from; at <= index; at++) removals.push(this.#entries.remove(indexKey(at)));
    });
    await written(this.#root, Promise.all([batch, ...removals]));
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  #putHardState(hardState: HardState): Promise<boolean> {
    const body = packr.pack(hardState);
    const sum = Buffer.allocUnsafe(4);
    sum.writeUInt32BE(crc32(body), 0);
    return this.#meta.put(hardStateKey, Buffer.concat([sum, body]));
  }

  #readHardState(): HardState | undefined {
    const stored = this.#meta.get(hardStateKey);
    if (stored === undefined) return undefined;
    const body = stored.subarray(4);
    if (stored.byteLength < 5 || stored.readUInt32BE(0) !== crc32(body)) {
      throw corruptFile(this.#path, 'the checksum of term and vote does not fit');
    }
    return packr.unpack(body) as HardState;
  }

  #readLastIndex(): number {
    for (const key of this.#entries.getKeys({ reverse: true, limit: 1 })) return key.readUIntBE(0, indexBytes);
    return this.#hardState.droppedIndex;
  }
}

function indexKey(index: number): Buffer {
  const key = Buffer.allocUnsafe(indexBytes);
  key.writeUIntBE(index, 0, indexBytes);
  return key;
}

import type {
  Entry,
  HardState,
  LogBase,
  SnapshotMeta,
  StoredState,
} from '../../../plugins/store-raft/src/raft/types.ts';
import type { Disk, StoredRecord } from '../parts/disk.ts';
import type { KvSnapshot } from './kv-machine.ts';

/** What a member writes. `log`: a whole log, the first record of its file. `state`: a checkpoint of the state machine. */
export type DiskRecord =
  | { readonly type: 'log'; readonly base: LogBase; readonly hardState: HardState; readonly entries: readonly Entry[] }
  | { readonly type: 'append'; readonly hardState: HardState | undefined; readonly entries: readonly Entry[] }
  | { readonly type: 'state'; readonly base: LogBase; readonly snapshot: KvSnapshot }
  | { readonly type: 'chunk'; readonly snapshot: SnapshotMeta; readonly offset: number; readonly data: Uint8Array };

export interface Recovered {
  readonly stored: StoredState;
  /** undefined: an empty state machine. */
  readonly state: { readonly base: LogBase; readonly snapshot: KvSnapshot } | undefined;
}

const incomingFile = 'incoming';

/**
 * A member's files: numbered logs and checkpoints, of which the newest whole one counts. A log file begins with one record
 * that says all up to then, so that a log is compacted by beginning the next file.
 */
export class MemberStorage {
  readonly disk: Disk<DiskRecord>;
  #logFile = 'log-000000';
  #stateFile: string | undefined;
  #hardState: HardState;
  #base: LogBase;
  #entries: Entry[] = [];

  private constructor(disk: Disk<DiskRecord>, hardState: HardState, base: LogBase) {
    this.disk = disk;
    this.#hardState = hardState;
    this.#base = base;
  }

  /** `initial`: the base of a member whose disk is empty. */
  static open(disk: Disk<DiskRecord>, initial: LogBase): { storage: MemberStorage; recovered: Recovered } {
    const storage = new MemberStorage(disk, { term: 0, votedFor: undefined }, initial);
    const recovered = storage.#recover();
    return { storage, recovered };
  }

  get base(): LogBase {
    return this.#base;
  }

  get lastIndex(): number {
    return this.#base.index + this.#entries.length;
  }

  termOf(index: number): number | undefined {
    if (index === this.#base.index) return this.#base.term;
    return this.#entries[index - this.#base.index - 1]?.term;
  }

  /** Written, not synced. false: the disk is full, nothing was written. */
  append(hardState: HardState | undefined, entries: readonly Entry[]): boolean {
    const sizeBytes = 50 + entries.reduce((sum, entry) => sum + (entry.type === 'command' ? entry.data.length : 50), 0);
    if (!this.disk.append(this.#logFile, { type: 'append', hardState, entries }, sizeBytes)) return false;
    this.#put(hardState, entries);
    return true;
  }

  sync(done: () => void): void {
    this.disk.sync(this.#logFile, done);
  }

  /** Begins a new log file without what lies up to the base. The old one stays until the new one is safe. */
  compact(base: LogBase): boolean {
    if (base.index <= this.#base.index) return true;
    const entries = base.index >= this.lastIndex ? [] : this.#entries.slice(base.index - this.#base.index);
    return this.#beginLog(base, entries, () => {});
  }

  /** A snapshot takes the place of the whole log. */
  replaceLog(base: LogBase, done: () => void): boolean {
    return this.#beginLog(base, [], done);
  }

  /** Calls `done` when the checkpoint is safe. false: the disk is full. */
  saveState(base: LogBase, snapshot: KvSnapshot, done: () => void): boolean {
    const old = this.#stateFile;
    const file = `state-${String(fileNumber(old) + 1).padStart(6, '0')}`;
    if (!this.disk.append(file, { type: 'state', base, snapshot }, 1_000)) return false;
    this.#stateFile = file;
    this.disk.sync(file, () => {
      if (old !== undefined) this.disk.remove(old);
      done();
    });
    return true;
  }

  saveChunk(snapshot: SnapshotMeta, offset: number, data: Uint8Array): boolean {
    if (offset === 0) this.disk.remove(incomingFile);
    return this.disk.append(incomingFile, { type: 'chunk', snapshot, offset, data }, data.length);
  }

  /** The pieces of the snapshot up to the first gap. */
  incoming(): { readonly snapshot: SnapshotMeta; readonly bytes: Uint8Array } | undefined {
    let snapshot: SnapshotMeta | undefined;
    let bytes = Buffer.alloc(0);
    for (const stored of this.disk.read(incomingFile)) {
      if (!stored.intact || stored.record.type !== 'chunk') break;
      const { record } = stored;
      if (snapshot !== undefined && record.snapshot.id !== snapshot.id) break;
      if (record.offset > bytes.length) break;
      snapshot = record.snapshot;
      bytes = Buffer.concat([bytes.subarray(0, record.offset), record.data]);
    }
    return snapshot === undefined ? undefined : { snapshot, bytes };
  }

  dropIncoming(): void {
    this.disk.remove(incomingFile);
  }

  #beginLog(base: LogBase, entries: readonly Entry[], done: () => void): boolean {
    const old = this.#logFile;
    const file = `log-${String(fileNumber(old) + 1).padStart(6, '0')}`;
    const record: DiskRecord = { type: 'log', base, hardState: this.#hardState, entries };
    if (!this.disk.append(file, record, 100 + entries.length * 50)) return false;
    this.#logFile = file;
    this.#base = base;
    this.#entries = [...entries];
    this.disk.sync(file, () => {
      for (const name of this.disk.files()) if (name.startsWith('log-') && name < file) this.disk.remove(name);
      done();
    });
    return true;
  }

  #put(hardState: HardState | undefined, entries: readonly Entry[]): void {
    if (hardState !== undefined) this.#hardState = hardState;
    const first = entries[0];
    if (first === undefined) return;
    if (first.index <= this.#base.index || first.index > this.lastIndex + 1) {
      throw new Error(`entry ${first.index} does not follow ${this.lastIndex} behind base ${this.#base.index}`);
    }
    this.#entries.length = first.index - this.#base.index - 1;
    for (const entry of entries) this.#entries.push(entry);
  }

  #recover(): Recovered {
    this.#recoverLog();
    const state = this.#recoverState();
    // A crash between the state of a snapshot and its log: the state is newer than all that the log says.
    if (
      state !== undefined &&
      this.termOf(state.base.index) !== state.base.term &&
      state.base.index > this.#base.index
    ) {
      this.#base = state.base;
      this.#entries = [];
      this.#restartLog();
    }
    const incoming = this.incoming();
    const stored: StoredState = {
      hardState: this.#hardState,
      base: this.#base,
      entries: [...this.#entries],
      appliedIndex: state?.base.index ?? 0,
      ...(incoming !== undefined && { received: { snapshot: incoming.snapshot, offset: incoming.bytes.length } }),
    };
    return { stored, state };
  }

  #recoverLog(): void {
    const files = this.disk.files().filter((name) => name.startsWith('log-'));
    for (const file of files.toReversed()) {
      const records = this.disk.read(file);
      const good = firstBad(records);
      const first = records[0];
      // The very first log has no base record: it begins with what the member was founded with.
      if (good === 0 || first?.intact !== true || (first.record.type !== 'log' && file !== 'log-000000')) {
        this.disk.remove(file);
        continue;
      }
      this.#logFile = file;
      for (const stored of records.slice(0, good)) this.#replay(stored);
      this.disk.truncate(file, good);
      return;
    }
  }

  #replay(stored: StoredRecord<DiskRecord>): void {
    if (!stored.intact) return;
    const { record } = stored;
    if (record.type === 'append') this.#put(record.hardState, record.entries);
    if (record.type !== 'log') return;
    this.#base = record.base;
    this.#hardState = record.hardState;
    this.#entries = [...record.entries];
  }

  #recoverState(): Recovered['state'] {
    const files = this.disk.files().filter((name) => name.startsWith('state-'));
    for (const file of files.toReversed()) {
      const stored = this.disk.read(file)[0];
      if (stored?.intact === true && stored.record.type === 'state') {
        this.#stateFile = file;
        return stored.record;
      }
      this.disk.remove(file);
    }
    return undefined;
  }

  /** At start-up, before anything else is written: what a later crash does to it is decided by the old files. */
  #restartLog(): void {
    this.#beginLog(this.#base, [], () => {});
  }
}

function firstBad(records: readonly StoredRecord<DiskRecord>[]): number {
  const bad = records.findIndex((stored) => !stored.intact);
  return bad === -1 ? records.length : bad;
}

function fileNumber(name: string | undefined): number {
  return name === undefined ? -1 : Number(name.slice(name.indexOf('-') + 1));
}

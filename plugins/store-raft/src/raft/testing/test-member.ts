/** A driver in memory: what README.md says a driver does, with a disk that can be slow and lose what is not synced. */
import { createRaft } from '../node.ts';
import { SessionTable, type SessionSnapshot } from '../sessions.ts';
import type {
  Entry,
  HardState,
  LogBase,
  MemberId,
  Raft,
  RaftOptions,
  Ready,
  SnapshotChunk,
  SnapshotMeta,
} from '../types.ts';
import type { DurableLog } from './checker.ts';

/** The state machine: a chain of all that was applied. */
interface State {
  readonly index: number;
  readonly term: number;
  readonly hash: number;
  readonly sessions: SessionSnapshot<number>;
}

interface Disk {
  hardState: HardState;
  base: LogBase;
  entries: Entry[];
  state: State;
  received: { snapshot: SnapshotMeta; offset: number; bytes: Buffer } | undefined;
}

type Write =
  | { readonly type: 'persist'; readonly ready: Ready }
  | { readonly type: 'install'; readonly snapshot: SnapshotMeta; readonly bytes: Buffer };

export type MemberOptions = Partial<Omit<RaftOptions, 'id' | 'stored' | 'random'>>;

export interface MemberEvents {
  ready(member: TestMember, ready: Ready): void;
  /** `isNew`: no retry of what was applied before. */
  applied(member: TestMember, entry: Entry, isNew: boolean): void;
}

export class TestMember implements DurableLog {
  readonly id: MemberId;
  readonly disk: Disk;
  readonly #options: MemberOptions;
  readonly #random: (bound: number) => number;
  readonly #events: MemberEvents;
  #raft: Raft | undefined;
  #state: State;
  #sessions: SessionTable<number>;
  /** The log with what is not synced: terms by index, from `#logStart`. */
  #terms: number[] = [];
  #logStart = 0;
  #writes: Write[] = [];
  #received: Buffer = Buffer.alloc(0);
  #snapshots = new Map<string, { readonly meta: SnapshotMeta; readonly bytes: Buffer }>();
  /** Persist at once. */
  fastDisk = true;

  constructor(
    id: MemberId,
    base: LogBase,
    options: MemberOptions,
    random: (bound: number) => number,
    events: MemberEvents,
  ) {
    this.id = id;
    this.#options = options;
    this.#random = random;
    this.#events = events;
    this.#state = { index: base.index, term: base.term, hash: 0, sessions: [] };
    this.#sessions = new SessionTable();
    this.disk = {
      hardState: { term: 0, votedFor: undefined },
      base,
      entries: [],
      state: this.#state,
      received: undefined,
    };
    this.start();
  }

  get running(): boolean {
    return this.#raft !== undefined;
  }
  get raft(): Raft {
    if (this.#raft === undefined) throw new Error(`${this.id} is down`);
    return this.#raft;
  }
  get hash(): number {
    return this.#state.hash;
  }
  get appliedIndex(): number {
    return this.#state.index;
  }
  get unsynced(): number {
    return this.#writes.length;
  }

  start(): void {
    const { disk } = this;
    // A state that is ahead of the log came by a snapshot whose installation was cut off.
    const lastIndex = disk.base.index + disk.entries.length;
    if (disk.state.index > lastIndex) throw new Error('the state on disk is ahead of the log');
    this.#state = disk.state;
    this.#sessions = new SessionTable(undefined, disk.state.sessions);
    this.#terms = [disk.base.term, ...disk.entries.map(({ term }) => term)];
    this.#logStart = disk.base.index;
    this.#received = disk.received?.bytes ?? Buffer.alloc(0);
    this.#raft = createRaft({
      ...this.#options,
      id: this.id,
      random: this.#random,
      stored: {
        hardState: disk.hardState,
        base: disk.base,
        entries: disk.entries,
        appliedIndex: disk.state.index,
        received: disk.received,
      },
    });
  }

  /** Stops it; of what was not synced the first `kept` writes had reached the disk. */
  crash(kept: number): void {
    for (const write of this.#writes.slice(0, kept)) this.#write(write);
    this.#writes = [];
    this.#raft = undefined;
    this.#snapshots.clear();
  }

  /** Term of the entry in the log, synced or not. */
  term(index: number): number | undefined {
    return this.#terms[index - this.#logStart];
  }

  /** Whether the log, synced or not, has the entry or starts behind it. */
  knows(index: number, term: number): boolean {
    return index < this.#logStart || this.term(index) === term;
  }

  /** Whether the entry is on disk, or behind the log on disk. */
  has(index: number, term: number): boolean {
    const { base, entries } = this.disk;
    return index <= base.index || entries[index - base.index - 1]?.term === term;
  }

  /** Does all that the core asks for, until it asks for nothing. */
  work(): void {
    for (let turn = 0; this.#raft?.hasReady() === true; turn++) {
      if (turn > 1000) throw new Error(`${this.id} has always something to do`);
      this.#handle(this.raft.ready());
      if (this.fastDisk) this.sync(Infinity);
    }
  }

  #handle(ready: Ready): void {
    this.#events.ready(this, ready);
    for (const entry of ready.entries) this.#terms[entry.index - this.#logStart] = entry.term;
    const last = ready.entries.at(-1);
    if (last !== undefined) this.#terms.length = last.index - this.#logStart + 1;
    if (ready.persistId !== undefined) this.#writes.push({ type: 'persist', ready });
    if (ready.committed.length > 0) this.#apply(ready.committed);
    if (ready.compactedTo !== undefined) this.#dropLog(ready.compactedTo);
    for (const read of ready.snapshotReads) {
      const kept = this.#snapshots.get(read.snapshotId ?? '') ?? this.#takeSnapshot();
      const { meta, bytes } = kept;
      const offset = meta.id === read.snapshotId ? read.offset : 0;
      const data = bytes.subarray(offset, offset + read.limitBytes);
      const last = offset + data.byteLength === bytes.byteLength;
      if (meta.index < read.minIndex) this.raft.snapshotUnavailable(read.to);
      else if (data.byteLength > 0) this.raft.provideSnapshotChunk(read.to, { snapshot: meta, offset, data, last });
    }
    for (const chunk of ready.snapshotChunks) this.#receive(chunk);
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.index !== this.#state.index + 1) throw new Error(`${this.id} applies ${entry.index} out of order`);
      let isNew = false;
      if (entry.type === 'register') this.#sessions.register(entry.index);
      if (entry.type === 'command') {
        isNew = this.#sessions.begin(entry.index, entry.id).type === 'apply';
        if (isNew) this.#sessions.applied(entry.id, entry.index);
      }
      const hash = (Math.imul(this.#state.hash, 31) + entry.index * 7 + entry.term) | 0;
      this.#state = { ...this.#state, index: entry.index, term: entry.term, hash };
      this.#events.applied(this, entry, isNew);
    }
    this.raft.applied(this.#state.index);
  }

  /** The state is flushed: the log may be compacted behind it. */
  flushState(): void {
    this.#state = { ...this.#state, sessions: this.#sessions.snapshot() };
    this.disk.state = this.#state;
    this.raft.stateDurable(this.#state.index);
  }

  #dropLog(base: LogBase): void {
    const { disk } = this;
    disk.entries = disk.entries.slice(base.index - disk.base.index);
    disk.base = base;
    this.#terms = this.#terms.slice(base.index - this.#logStart);
    this.#logStart = base.index;
  }

  #takeSnapshot(): { readonly meta: SnapshotMeta; readonly bytes: Buffer } {
    const { index, term } = this.#state;
    const state = { ...this.#state, sessions: this.#sessions.snapshot() };
    const bytes = Buffer.from(JSON.stringify(state));
    const id = `${this.id}:${index}`;
    const kept = {
      meta: { id, index, term, configuration: this.#configurationAt(index), sizeBytes: bytes.byteLength },
      bytes,
    };
    this.#snapshots.set(id, kept);
    return kept;
  }

  #configurationAt(index: number): LogBase['configuration'] {
    let { configuration } = this.disk.base;
    for (const entry of this.disk.entries) {
      if (entry.type === 'configuration' && entry.index <= index) ({ configuration } = entry);
    }
    return configuration;
  }

  #receive({ snapshot, offset, data, last }: SnapshotChunk): void {
    this.#received = Buffer.concat([this.#received.subarray(0, offset), data]);
    this.disk.received = { snapshot, offset: this.#received.byteLength, bytes: this.#received };
    if (!last) return;
    if (this.#received.byteLength !== snapshot.sizeBytes) this.raft.snapshotFailed(snapshot);
    else this.#writes.push({ type: 'install', snapshot, bytes: this.#received });
    this.disk.received = undefined;
  }

  /** Makes the oldest writes durable. */
  sync(count: number): void {
    const done = this.#writes.splice(0, count);
    for (const write of done) this.#write(write);
    for (const write of done) {
      if (write.type === 'install') {
        this.#state = this.disk.state;
        this.#sessions = new SessionTable(undefined, this.#state.sessions);
        this.#terms = [write.snapshot.term];
        this.#logStart = write.snapshot.index;
        this.raft.snapshotInstalled(write.snapshot);
      } else if (write.ready.persistId !== undefined) {
        this.raft.persisted(write.ready.persistId);
      }
    }
  }

  #write(write: Write): void {
    const { disk } = this;
    if (write.type === 'install') {
      const { index, term, configuration } = write.snapshot;
      disk.state = JSON.parse(write.bytes.toString()) as State;
      disk.base = { index, term, configuration };
      disk.entries = [];
      return;
    }
    disk.hardState = write.ready.hardState ?? disk.hardState;
    const first = write.ready.entries[0];
    if (first === undefined) return;
    disk.entries.length = first.index - disk.base.index - 1;
    disk.entries.push(...write.ready.entries);
  }
}

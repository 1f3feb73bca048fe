import { errorCode, errorMessage } from '@timonel/sdk';
import {
  evaluateTxn,
  leaseNotFound,
  tombstone,
  type KeyValue,
  type Lease,
  type RevisionEvents,
  type StoreError,
  type StoreEvent,
  type Txn,
} from '@timonel/sdk/contracts/store';
import { unpackCommand, type Command } from '../command.ts';
import { SessionTable, type Configuration, type Entry, type ProposalId } from '../raft/index.ts';
import type { Applied } from './applied.ts';
import { HistoryIndex } from './history-index.ts';
import { Overlay } from './overlay.ts';
import type { StateFile, StateMeta } from './state-file.ts';
import { StateReader } from './state-reader.ts';

/** Leases that came and went, for the timers. */
export interface LeaseChange {
  readonly granted?: Lease;
  readonly revoked?: number;
}

/** What changed since it was last asked. */
export interface Changes {
  readonly revisions: readonly RevisionEvents[];
  readonly leases: readonly LeaseChange[];
}

/** The answer to the proposal of an entry; undefined: nobody can know it any more, or nobody asks. */
export interface AppliedEntry {
  readonly id: ProposalId | undefined;
  readonly applied: Applied | undefined;
}

type Standing = { -readonly [K in Exclude<keyof StateMeta, 'sessions' | 'format'>]: StateMeta[K] };

/** So many changes, or bytes, make a checkpoint due at once. One batch of LMDB holds the main thread up for about 10 µs a change. */
const checkpointEvents = 500;
const checkpointBytes = 4 * 1024 * 1024;
/** Members open a session each time they start. Equal on all members for ever: part of the replicated behaviour. */
const sessionLimits = { sessions: 256, results: 10_000 };

function emptyStanding(configuration: Configuration): Standing {
  return {
    appliedIndex: 0,
    appliedTerm: 0,
    configuration,
    revision: 1,
    compactedRevision: 1,
    eventsRevision: 1,
    lastLeaseId: 0,
    installedIndex: 0,
  };
}

/**
 * The multi-version state. Entries change it in memory, at once; checkpoints write it to the file in the background. The same
 * entries give the same state on every member.
 */
export class StateMachine {
  readonly reader: StateReader;
  #file: StateFile;
  #standing: Standing;
  #sessions: SessionTable<Applied>;
  #index = new HistoryIndex();
  #active = new Overlay();
  /** Being written to the file. */
  #frozen: { readonly overlay: Overlay; readonly meta: StateMeta } | undefined;
  #savedIndex: number;
  #collectable = true;
  readonly #leases = new Map<number, Lease>();
  readonly #leaseKeys = new Map<number, Set<string>>();
  #revisions: RevisionEvents[] = [];
  #leaseChanges: LeaseChange[] = [];

  /** @param initial the configuration of a group that begins */
  constructor(file: StateFile, initial: Configuration) {
    this.#file = file;
    const meta = file.readMeta();
    this.#standing = meta === undefined ? emptyStanding(initial) : { ...meta };
    this.#sessions = new SessionTable<Applied>(sessionLimits, meta?.sessions);
    this.#savedIndex = this.#standing.appliedIndex;
    this.#load();
    this.reader = new StateReader({
      file: () => this.#file,
      index: () => this.#index,
      layers: () => (this.#frozen === undefined ? [this.#active] : [this.#active, this.#frozen.overlay]),
      get: (key) => this.get(key),
      standing: () => this.#standing,
    });
  }

  get standing(): Readonly<Standing> {
    return this.#standing;
  }

  get file(): StateFile {
    return this.#file;
  }

  /** The applied index that is in the file. */
  get savedIndex(): number {
    return this.#savedIndex;
  }

  leases(): Lease[] {
    return [...this.#leases.values()].sort((a, b) => a.id - b.id);
  }

  /** Changes that are in memory only, and about how many bytes. */
  get unsaved(): { readonly events: number; readonly bytes: number } {
    const frozen = this.#frozen?.overlay;
    return {
      events: this.#active.events + (frozen?.events ?? 0),
      bytes: this.#active.bytes + (frozen?.bytes ?? 0),
    };
  }

  /** The version now. */
  get(key: string): KeyValue | undefined {
    const active = this.#active.current;
    const kv = active.get(key);
    if (kv !== undefined || active.has(key)) return kv;
    const frozen = this.#frozen?.overlay.current;
    if (frozen?.has(key) === true) return frozen.get(key);
    return this.#file.get(key);
  }

  /** Applies the next entry. `known`: its command, when it need not be unpacked. */
  apply(entry: Entry, known?: Command): AppliedEntry {
    this.#standing.appliedIndex = entry.index;
    this.#standing.appliedTerm = entry.term;
    if (entry.type === 'configuration') this.#standing.configuration = entry.configuration;
    if (entry.type === 'register') this.#sessions.register(entry.index);
    if (entry.type !== 'command') return { id: undefined, applied: undefined };
    const verdict = this.#sessions.begin(entry.index, entry.id);
    if (verdict.type === 'duplicate') return { id: entry.id, applied: verdict.result };
    if (verdict.type !== 'apply') return { id: entry.id, applied: undefined };
    const applied = this.#run(known ?? unpackCommand(entry.data), entry.term);
    this.#sessions.applied(entry.id, applied);
    return { id: entry.id, applied };
  }

  takeChanges(): Changes {
    const changes = { revisions: this.#revisions, leases: this.#leaseChanges };
    this.#revisions = [];
    this.#leaseChanges = [];
    return changes;
  }

  /** `now`: there is so much to write that it should not wait. `some`: there is something. */
  checkpointDue(): 'now' | 'some' | 'none' {
    if (this.#active.events >= checkpointEvents || this.#active.bytes >= checkpointBytes) return 'now';
    return this.#frozen !== undefined || this.#savedIndex < this.#standing.appliedIndex ? 'some' : 'none';
  }

  /**
   * Writes the state to the file. Resolves with the applied index that is in the file now, not yet on disk: see `flushed`. One
   * call at a time. When it fails nothing has been written, and the next call tries the same again.
   */
  async checkpoint(): Promise<number> {
    if (this.#frozen === undefined) {
      this.#frozen = { overlay: this.#active, meta: this.#meta() };
      this.#active = new Overlay();
    }
    const { overlay, meta } = this.#frozen;
    await this.#file.save(overlay, meta);
    this.#frozen = undefined;
    this.#savedIndex = meta.appliedIndex;
    if ((overlay.revisions[0]?.revision ?? Infinity) < this.#standing.compactedRevision) this.#collectable = true;
    return meta.appliedIndex;
  }

  flushed(): Promise<void> {
    return this.#file.flushed();
  }

  /** Removes compacted history from the file, at most about `limit` changes. True: there is more. Not beside `checkpoint`. */
  async collect(limit: number): Promise<boolean> {
    if (!this.#collectable) return false;
    this.#collectable = await this.#file.collect(this.#standing.eventsRevision, limit);
    return this.#collectable;
  }

  /** Goes on with the state of another file: that of a snapshot. Answers the old file, to be closed. */
  install(file: StateFile): StateFile {
    const meta = file.readMeta();
    if (meta === undefined) throw new Error(`${file.path} holds no state`);
    const old = this.#file;
    this.#file = file;
    this.#standing = { ...meta };
    this.#sessions = new SessionTable<Applied>(sessionLimits, meta.sessions);
    this.#index = new HistoryIndex();
    this.#active = new Overlay();
    this.#frozen = undefined;
    this.#savedIndex = meta.appliedIndex;
    this.#collectable = false;
    for (const id of this.#leases.keys()) this.#leaseChanges.push({ revoked: id });
    this.#load();
    for (const granted of this.#leases.values()) this.#leaseChanges.push({ granted });
    this.#revisions = [];
    return old;
  }

  #load(): void {
    this.#leases.clear();
    this.#leaseKeys.clear();
    for (const lease of this.#file.leases()) this.#leases.set(lease.id, lease);
    for (const { leaseId, key } of this.#file.leaseKeys()) this.#keysOf(leaseId).add(key);
    for (const { revision, key } of this.#file.changedKeys(this.#standing.eventsRevision))
      this.#index.add(revision, key);
  }

  #meta(): StateMeta {
    return { format: 2, ...this.#standing, sessions: this.#sessions.snapshot() };
  }

  #keysOf(leaseId: number): Set<string> {
    let keys = this.#leaseKeys.get(leaseId);
    if (keys === undefined) {
      keys = new Set();
      this.#leaseKeys.set(leaseId, keys);
    }
    return keys;
  }

  #run(command: Command, term: number): Applied {
    switch (command.type) {
      case 'txn':
        return this.#txn(command.txn);
      case 'grantLease':
        return this.#grant(command.ttlMs);
      case 'revokeLease':
        return this.#revoke(command.leaseId);
      case 'expireLease':
        return command.term === term ? this.#revoke(command.leaseId) : { type: 'done' };
      case 'compact':
        this.#compact(command.revision);
        return { type: 'done' };
    }
  }

  #txn(txn: Txn): Applied {
    try {
      const view = { get: (key: string) => this.get(key), hasLease: (id: number) => this.#leases.has(id) };
      const outcome = evaluateTxn(view, txn, this.#standing.revision + 1);
      this.#commit(outcome.events);
      const { succeeded, results } = outcome;
      return { type: 'txn', result: { succeeded, revision: this.#standing.revision, results } };
    } catch (error) {
      if (errorCode(error) !== 'LEASE_NOT_FOUND') throw error;
      return { type: 'refused', code: 'LEASE_NOT_FOUND', message: errorMessage(error) };
    }
  }

  #grant(ttlMs: number): Applied {
    const lease: Lease = { id: ++this.#standing.lastLeaseId, ttlMs };
    this.#leases.set(lease.id, lease);
    this.#active.leases.set(lease.id, lease);
    this.#leaseChanges.push({ granted: lease });
    return { type: 'lease', lease };
  }

  #revoke(leaseId: number): Applied {
    if (!this.#leases.delete(leaseId)) {
      const { code, message }: StoreError = leaseNotFound(leaseId);
      return { type: 'refused', code, message };
    }
    const revision = this.#standing.revision + 1;
    const keys = [...(this.#leaseKeys.get(leaseId) ?? [])].sort();
    const events = keys.map((key): StoreEvent => ({
      type: 'delete',
      kv: tombstone(key, revision),
      prevKv: this.get(key),
    }));
    this.#active.leases.set(leaseId, undefined);
    this.#commit(events);
    this.#leaseKeys.delete(leaseId);
    this.#leaseChanges.push({ revoked: leaseId });
    return { type: 'done' };
  }

  #compact(revision: number): void {
    const target = Math.min(revision, this.#standing.revision);
    if (target <= this.#standing.compactedRevision) return;
    this.#standing.compactedRevision = target;
    this.#standing.eventsRevision = Math.max(this.#standing.eventsRevision, target);
    this.#index.dropBefore(target);
    this.#collectable = true;
  }

  #commit(events: readonly StoreEvent[]): void {
    if (events.length === 0) return;
    const revision = { revision: ++this.#standing.revision, events };
    for (const { type, kv, prevKv } of events) {
      this.#index.add(revision.revision, kv.key);
      this.#moveLease(kv.key, prevKv?.lease ?? 0, type === 'put' ? kv.lease : 0);
    }
    this.#active.add(revision);
    this.#revisions.push(revision);
  }

  #moveLease(key: string, from: number, to: number): void {
    if (from === to) return;
    if (from !== 0) {
      this.#leaseKeys.get(from)?.delete(key);
      this.#active.leaseKeys.push({ leaseId: from, key, added: false });
    }
    if (to !== 0) {
      this.#keysOf(to).add(key);
      this.#active.leaseKeys.push({ leaseId: to, key, added: true });
    }
  }
}

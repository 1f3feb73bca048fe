import type {
  Configuration,
  Entry,
  LogBase,
  Proposal,
  Raft,
  Ready,
  SnapshotChunk,
  SnapshotMeta,
  SnapshotRead,
} from '../../../plugins/store-raft/src/raft/types.ts';
import { createRaft, type RaftTuning } from './core.ts';
import { KvMachine, type KvSnapshot } from './kv-machine.ts';
import type { Member } from './member.ts';
import { Requests } from './requests.ts';
import { isWhole, SnapshotSource } from './snapshot-source.ts';
import { MemberStorage } from './storage.ts';
import { WatchHub } from './watch-hub.ts';
import { decodeJson, deepFreeze, encodeJson, type Command, type Wire } from './wire.ts';

/**
 * The driver of one living member: what stands between the Raft core and the simulated disk, network and clock. It does what
 * the core's manual asks for: persist, send, apply.
 */
export class MemberProcess {
  readonly raft: Raft;
  readonly storage: MemberStorage;
  machine: KvMachine;
  readonly hub = new WatchHub();
  readonly requests: Requests;
  appliedIndex: number;
  #appliedTerm: number;
  #configuration: Configuration;
  readonly #member: Member;
  readonly #tuning: RaftTuning;
  #tickedAtMs: number;
  #pumping = false;
  // Readies in order, of which nothing is written yet.
  readonly #toPersist: Ready[] = [];
  #writtenId = 0;
  #syncedId = 0;
  #syncing = false;
  readonly #toApply: Entry[] = [];
  #applying = false;
  #checkpointedIndex: number;
  #savingState = false;
  #installing = false;
  readonly #snapshots: SnapshotSource;

  constructor(member: Member, initial: LogBase, tuning: RaftTuning) {
    this.#member = member;
    this.#tuning = tuning;
    const { storage, recovered } = MemberStorage.open(member.disk, initial);
    this.storage = storage;
    const { state, stored } = recovered;
    this.machine = state === undefined ? new KvMachine() : KvMachine.restore(decodeJson(state.bytes) as KvSnapshot);
    this.appliedIndex = stored.appliedIndex;
    this.#checkpointedIndex = stored.appliedIndex;
    this.#appliedTerm = state?.base.term ?? stored.base.term;
    this.#configuration = state?.base.configuration ?? stored.base.configuration;
    this.#tickedAtMs = member.clock.monotonic();
    member.observer.starts(member.id, this);
    this.raft = createRaft(member.id, stored, (bound) => member.random.int(bound), tuning);
    this.requests = new Requests(this, member);
    this.#snapshots = new SnapshotSource(member, () => ({ base: this.#base(), machine: this.machine }));
    if (state !== undefined) this.raft.stateDurable(state.base.index);
    this.#scheduleTick();
    this.#scheduleProgress();
    this.#pumpSoon();
  }

  /** The ticks that have passed since the last call: after a pause all at once, before anything else is done. */
  catchUp(): void {
    const { tickMs } = this.#tuning;
    const ticks = Math.floor((this.#member.clock.monotonic() - this.#tickedAtMs) / tickMs);
    if (ticks <= 0) return;
    this.#tickedAtMs += ticks * tickMs;
    this.raft.tick(ticks);
    this.#pumpSoon();
  }

  receive(from: string, wire: Wire): void {
    this.catchUp();
    if (wire.type === 'raft') this.raft.step(wire.message);
    if (wire.type === 'request') this.requests.handle(from, wire.request);
    this.#pumpSoon();
  }

  propose(proposal: Proposal): ReturnType<Raft['propose']> {
    this.catchUp();
    const result = this.raft.propose([proposal]);
    this.#pumpSoon();
    return result;
  }

  /** The term of an entry in this member's log, written or about to be. */
  logTerm(index: number): number | undefined {
    for (const { entries } of this.#toPersist.toReversed()) {
      const first = entries[0];
      if (first === undefined || index < first.index) continue;
      return entries[index - first.index]?.term;
    }
    return this.storage.termOf(index);
  }

  /** For what an operator asks of the core. */
  operate<T>(action: (raft: Raft) => T): T {
    this.catchUp();
    const result = action(this.raft);
    this.#pumpSoon();
    return result;
  }

  #scheduleTick(): void {
    this.#member.after(this.#tuning.tickMs, () => {
      this.catchUp();
      this.#scheduleTick();
    });
  }

  #scheduleProgress(): void {
    this.#member.after(100, () => {
      this.hub.progress(this.machine);
      this.#scheduleProgress();
    });
  }

  /** Half of the time later, so that inputs come together in one Ready. */
  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const delayMs = this.#member.random.chance(0.5) ? 0 : this.#member.random.between(0, 0.5);
    this.#member.after(delayMs, () => {
      this.#pumping = false;
      while (this.raft.hasReady()) {
        if (!this.#handle(this.raft.ready())) return;
      }
    });
  }

  /** false: the member crashed in the midst of it. */
  #handle(ready: Ready): boolean {
    const { observer, id } = this.#member;
    if (ready.softState !== undefined) observer.softState(id, ready.softState, this);
    if (ready.persistId !== undefined || ready.compactedTo !== undefined) this.#toPersist.push(ready);
    if (this.#member.random.chance(0.5)) this.#persist();
    if (this.#member.crashesAt('beforeSend')) return false;
    for (const message of ready.messages) this.#member.sendRaft(deepFreeze(message));
    if (this.#member.crashesAt('afterSend')) return false;
    this.#persist();
    for (const read of ready.reads) this.requests.readReady(read);
    for (const { proposal, reason } of ready.refused) this.requests.refused(proposal, reason);
    for (const read of ready.snapshotReads) this.#readSnapshot(read);
    for (const chunk of ready.snapshotChunks) this.#storeChunk(chunk);
    if (ready.committed.length > 0) {
      const { term } = this.raft.status();
      for (const entry of ready.committed) observer.committed(id, entry, term);
      this.#toApply.push(...ready.committed);
      this.#applySoon();
    }
    return this.#member.alive;
  }

  /** Writes what is due and syncs it; what comes while a sync is under way shares the next one. */
  #persist(): void {
    while (this.#toPersist.length > 0 && !this.#installing) {
      const ready = this.#toPersist[0] as Ready;
      if (ready.persistId !== undefined) {
        if (!this.storage.append(ready.hardState, ready.entries)) return this.#retryLater();
        this.#observeAppended(ready.entries);
        this.#writtenId = ready.persistId;
      }
      this.#toPersist.shift();
      if (ready.compactedTo !== undefined && !this.storage.compact(ready.compactedTo)) {
        this.#member.observer.note(`${this.#member.id} has no space to compact`);
      }
    }
    this.#sync();
  }

  #sync(): void {
    if (this.#syncing || this.#writtenId === this.#syncedId) return;
    this.#syncing = true;
    const id = this.#writtenId;
    if (this.#member.crashesAt('beforeSync')) return;
    this.storage.sync(
      this.#member.guard(() => {
        if (this.#member.crashesAt('afterSync')) return;
        this.#syncing = false;
        this.#syncedId = id;
        this.raft.persisted(id);
        this.#pumpSoon();
        this.#persist();
      }),
    );
  }

  /** The disk is full: nothing is promised until it is written. */
  #retryLater(): void {
    this.#member.after(50, () => this.#persist());
  }

  #observeAppended(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#member.observer.appended(this.#member.id, entry, this.storage.termOf(entry.index - 1));
    }
  }

  #applySoon(): void {
    if (this.#applying || this.#toApply.length === 0) return;
    this.#applying = true;
    const slow = this.#member.random.chance(0.02);
    this.#member.after(this.#member.random.between(0, slow ? 60 : 0.5), () => {
      this.#applying = false;
      if (this.#member.crashesAt('beforeApply')) return;
      const batch = this.#toApply.splice(0, 1 + this.#member.random.int(20));
      for (const entry of batch) this.#apply(entry);
      this.raft.applied(this.appliedIndex);
      this.hub.flush(this.machine);
      this.requests.applied();
      if (this.#member.crashesAt('afterApply')) return;
      this.#checkpointWhenDue();
      this.#pumpSoon();
      this.#applySoon();
    });
  }

  #apply(entry: Entry): void {
    if (entry.index <= this.appliedIndex) throw new Error(`entry ${entry.index} was given twice`);
    this.appliedIndex = entry.index;
    this.#appliedTerm = entry.term;
    if (entry.type === 'configuration') this.#configuration = entry.configuration;
    if (entry.type === 'register') {
      this.machine.register(entry.index);
      this.requests.registered(entry.nonce, entry.index);
    }
    if (entry.type === 'command' && entry.id !== undefined) {
      const command = decodeJson(entry.data) as Command;
      const applied = this.machine.apply(entry.index, entry.id, command);
      this.#member.observer.changed(this.#member.id, command, applied);
      this.requests.written(entry.id, applied);
    }
    this.#member.observer.applied(this.#member.id, entry.index, this.machine);
  }

  #base(): LogBase {
    return { index: this.appliedIndex, term: this.#appliedTerm, configuration: this.#configuration };
  }

  #checkpointWhenDue(): void {
    // A checkpoint written now would be newer than the snapshot's state, but behind it.
    if (
      this.#installing ||
      this.#savingState ||
      this.appliedIndex - this.#checkpointedIndex < this.#tuning.checkpointEntries
    )
      return;
    const base = this.#base();
    const bytes = encodeJson(this.machine.snapshot());
    const saved = this.#member.guard(() => {
      this.#savingState = false;
      this.raft.stateDurable(base.index);
      this.#pumpSoon();
    });
    if (!this.storage.saveState(base, bytes, saved)) return;
    this.#savingState = true;
    this.#checkpointedIndex = base.index;
  }

  #readSnapshot(read: SnapshotRead): void {
    this.#member.after(this.#member.random.between(0, 2), () => {
      const chunk = this.#snapshots.chunk(read);
      if (chunk === undefined) this.raft.snapshotUnavailable(read.to);
      else this.raft.provideSnapshotChunk(read.to, chunk);
      this.#pumpSoon();
    });
  }

  #storeChunk(chunk: SnapshotChunk): void {
    const { snapshot } = chunk;
    if (!this.storage.saveChunk(snapshot, chunk.offset, chunk.data)) return this.raft.snapshotFailed(snapshot);
    if (!chunk.last) return;
    const incoming = this.storage.incoming();
    if (incoming === undefined || !isWhole(snapshot, incoming.bytes) || this.#member.random.chance(0.05)) {
      this.storage.dropIncoming();
      this.raft.snapshotFailed(snapshot);
      this.#pumpSoon();
      return;
    }
    this.#install(snapshot, incoming.bytes);
  }

  /** First the state, then the log: a crash in between leaves a state that is newer than the log, which start-up knows. */
  #install(snapshot: SnapshotMeta, bytes: Uint8Array): void {
    const base: LogBase = { index: snapshot.index, term: snapshot.term, configuration: snapshot.configuration };
    const failed = (): void => {
      this.#installing = false;
      this.storage.dropIncoming();
      this.raft.snapshotFailed(snapshot);
      this.#pumpSoon();
    };
    this.#member.observer.note(`${this.#member.id} installs snapshot ${snapshot.id}`);
    const replaced = this.#member.guard(() => {
      this.#installing = false;
      this.storage.dropIncoming();
      // What waited to be written to the old log is covered by the snapshot; votes are not.
      for (const [i, ready] of this.#toPersist.entries()) this.#toPersist[i] = { ...ready, entries: [] };
      this.#becomeSnapshot(base, bytes);
      this.raft.snapshotInstalled(snapshot);
      this.#pumpSoon();
      this.#persist();
    });
    const stateSaved = this.#member.guard(() => {
      if (this.#member.crashesAt('amidInstall')) return;
      if (!this.storage.replaceLog(base, replaced)) failed();
    });
    this.#installing = true;
    if (!this.storage.saveState(base, bytes, stateSaved)) failed();
  }

  #becomeSnapshot(base: LogBase, bytes: Uint8Array): void {
    this.machine = KvMachine.restore(decodeJson(bytes) as KvSnapshot);
    this.#toApply.length = 0;
    this.appliedIndex = base.index;
    this.#appliedTerm = base.term;
    this.#configuration = base.configuration;
    this.#checkpointedIndex = base.index;
    this.#member.observer.installed(this.#member.id, base, this.machine);
    this.hub.flush(this.machine);
    this.requests.applied();
  }
}

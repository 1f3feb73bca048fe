import type {
  Configuration,
  Entry,
  LogBase,
  Message,
  Proposal,
  Raft,
  Ready,
  SnapshotChunk,
  SnapshotMeta,
  SoftState,
} from '../../../plugins/store-raft/src/raft/types.ts';
import { createRaft, type RaftTuning } from './core.ts';
import { KvMachine, type KvSnapshot } from './kv-machine.ts';
import { Leases } from './leases.ts';
import { LogWriter } from './log-writer.ts';
import type { Member } from './member.ts';
import { Requests } from './requests.ts';
import { isWhole, SnapshotSource } from './snapshot-source.ts';
import { MemberStorage } from './storage.ts';
import { WatchHub } from './watch-hub.ts';
import { decodeCommand, decodeJson, deepFreeze, encodeJson, type Command, type Wire } from './wire.ts';

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
  readonly leases: Leases;
  appliedIndex: number;
  #appliedTerm: number;
  #softState: SoftState = { role: 'follower', leader: undefined, term: 0 };
  #configuration: Configuration;
  readonly #member: Member;
  readonly #tuning: RaftTuning;
  #tickedAtMs: number;
  #pumping = false;
  readonly #writer: LogWriter;
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
    this.machine = state === undefined ? new KvMachine() : KvMachine.restore(state.snapshot);
    this.appliedIndex = stored.appliedIndex;
    this.#checkpointedIndex = stored.appliedIndex;
    this.#appliedTerm = state?.base.term ?? stored.base.term;
    this.#configuration = state?.base.configuration ?? stored.base.configuration;
    this.#tickedAtMs = member.clock.monotonic();
    member.observer.starts(member.id, this);
    this.raft = createRaft(member.id, stored, (bound) => member.random.int(bound), tuning);
    this.#writer = new LogWriter(member, storage, (persistId) => {
      this.raft.persisted(persistId);
      this.#pumpSoon();
    });
    this.requests = new Requests(this, member);
    this.leases = new Leases(this, member);
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

  /** A command of this member's own, of which nobody waits for an answer. */
  command(command: Command): void {
    this.propose({ type: 'command', data: encodeJson(command) });
  }

  /** The term of an entry in this member's log, written or about to be. */
  logTerm(index: number): number | undefined {
    return this.#writer.termOf(index);
  }

  /** As it last became known. */
  get softState(): SoftState {
    return this.#softState;
  }

  /** The term in which it leads, once it has applied all that was committed before. */
  #officeTerm(): number | undefined {
    const { role, term } = this.#softState;
    return role === 'leader' && this.#appliedTerm === term ? term : undefined;
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
    if (ready.softState !== undefined) {
      this.#softState = ready.softState;
      observer.softState(id, ready.softState, this);
      this.leases.update(this.#officeTerm());
    }
    this.#writer.add(ready);
    if (this.#member.random.chance(0.5)) this.#writer.write();
    if (!this.#member.alive || this.#member.crashesAt('before a send')) return false;
    for (const message of ready.messages) this.#send(deepFreeze(message));
    if (this.#member.crashesAt('after a send')) return false;
    this.#writer.write();
    if (!this.#member.alive) return false;
    for (const read of ready.reads) this.requests.readReady(read);
    for (const { proposal, reason } of ready.refused) this.requests.refused(proposal, reason);
    this.#snapshots.read(ready.snapshotReads, ({ to }, chunk) => {
      if (chunk === undefined) this.raft.snapshotUnavailable(to);
      else this.raft.provideSnapshotChunk(to, chunk);
      this.#pumpSoon();
    });
    for (const chunk of ready.snapshotChunks) this.#storeChunk(chunk);
    if (!this.#member.alive) return false;
    if (ready.committed.length > 0) {
      for (const entry of ready.committed) observer.committed(id, entry, this.#softState.term);
      this.#toApply.push(...ready.committed);
      this.#applySoon();
    }
    return this.#member.alive;
  }

  /** Now and then a connection breaks, with what was on it. */
  #send(message: Message): void {
    if (!this.#member.random.chance(0.0005)) return this.#member.sendRaft(message);
    this.#member.observer.count('broken connections');
    this.#member.after(this.#member.random.between(0, 5), () => {
      this.raft.unreachable(message.to);
      this.#pumpSoon();
    });
  }

  #applySoon(): void {
    if (this.#applying || this.#toApply.length === 0) return;
    this.#applying = true;
    const slow = this.#member.random.chance(0.02);
    this.#member.after(this.#member.random.between(0, slow ? 60 : 0.5), () => {
      this.#applying = false;
      if (this.#member.crashesAt('before an apply')) return;
      const batch = this.#toApply.splice(0, 1 + this.#member.random.int(20));
      for (const entry of batch) this.#apply(entry);
      this.raft.applied(this.appliedIndex);
      this.leases.update(this.#officeTerm());
      this.hub.flush(this.machine);
      this.requests.applied();
      if (this.#member.crashesAt('after an apply')) return;
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
    if (entry.type === 'command') {
      const command = decodeCommand(entry.data);
      const applied = this.machine.apply(entry.index, entry.term, entry.id, command);
      this.#member.observer.changed(this.#member.id, command, applied);
      if (entry.id !== undefined) this.requests.written(entry.id, applied);
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
    const saved = this.#member.guard(() => {
      this.#savingState = false;
      this.raft.stateDurable(base.index);
      this.#pumpSoon();
    });
    if (!this.storage.saveState(base, this.machine.snapshot(), saved)) return;
    this.#savingState = true;
    this.#checkpointedIndex = base.index;
    this.#member.crashesAt('amid a checkpoint');
  }

  #storeChunk(chunk: SnapshotChunk): void {
    const { snapshot } = chunk;
    if (!this.storage.saveChunk(snapshot, chunk.offset, chunk.data)) return this.raft.snapshotFailed(snapshot);
    if (this.#member.crashesAt('amid a snapshot')) return;
    if (!chunk.last || this.#member.crashesAt('before an installation')) return;
    const incoming = this.storage.incoming();
    if (incoming === undefined || !isWhole(snapshot, incoming.bytes) || this.#member.random.chance(0.05)) {
      this.storage.dropIncoming();
      this.raft.snapshotFailed(snapshot);
      this.#pumpSoon();
      return;
    }
    this.#install(snapshot, decodeJson(incoming.bytes) as KvSnapshot);
  }

  /** First the state, then the log: a crash in between leaves a state that is newer than the log, which start-up knows. */
  #install(snapshot: SnapshotMeta, content: KvSnapshot): void {
    const base: LogBase = { index: snapshot.index, term: snapshot.term, configuration: snapshot.configuration };
    const failed = (): void => {
      this.#installing = false;
      this.storage.dropIncoming();
      this.raft.snapshotFailed(snapshot);
      this.#pumpSoon();
      this.#writer.goOn();
    };
    this.#member.observer.note(`${this.#member.id} installs snapshot ${snapshot.id}`);
    const replaced = this.#member.guard(() => {
      this.#installing = false;
      this.storage.dropIncoming();
      this.#becomeSnapshot(base, content);
      this.raft.snapshotInstalled(snapshot);
      this.#pumpSoon();
      this.#writer.goOn();
    });
    const stateSaved = this.#member.guard(() => {
      if (this.#member.crashesAt('amid an installation')) return;
      if (!this.storage.replaceLog(base, replaced)) failed();
    });
    this.#installing = true;
    // A vote that is not on disk yet must not be overtaken by a state of a later term.
    this.#writer.hold(() => {
      if (!this.storage.saveState(base, content, stateSaved)) failed();
    });
  }

  #becomeSnapshot(base: LogBase, content: KvSnapshot): void {
    this.machine = KvMachine.restore(content);
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

import { KernelError, errorMessage, invariant } from '@timonel/sdk';
import { compactLog } from './compaction.ts';
import type { Core } from './core.ts';
import { isAlone, leaderStands, preCampaign } from './election.ts';
import { advanceCommit, changeMembership, propose } from './leader.ts';
import { RaftLog } from './log.ts';
import { isJoint } from './membership.ts';
import { flushReads, requestRead } from './read-index.ts';
import { flushAppends } from './replication.ts';
import { isActive, resetElectionTimer } from './roles.ts';
import { settingsOf } from './settings.ts';
import { snapshotFailed, snapshotInstalled } from './snapshot-receive.ts';
import { provideSnapshotChunk, restartStream, snapshotUnavailable } from './snapshot-send.ts';
import { step } from './step.ts';
import { tick } from './tick.ts';
import { transferLeadership } from './transfer.ts';
import type {
  HardState,
  MemberId,
  Message,
  Raft,
  RaftOptions,
  RaftStatus,
  Ready,
  SnapshotChunk,
  SnapshotMeta,
  SoftState,
  StoredState,
} from './types.ts';

/** @throws KernelError ERR_INVARIANT when what is stored cannot be the state of a member */
export function createRaft(options: RaftOptions): Raft {
  return new RaftNode(options);
}

class RaftNode implements Raft {
  readonly #core: Core;
  /** What stopped it for good. */
  #broken: string | undefined;
  #savedHardState: HardState;
  #savedSoftState: SoftState;
  /** Last number given out, and the last that is durable. */
  #persistId = 0;
  #durableId = 0;
  #waiting: { readonly persistId: number; readonly messages: readonly Message[] }[] = [];

  constructor(options: RaftOptions) {
    this.#core = newCore(options);
    resetElectionTimer(this.#core);
    this.#savedHardState = options.stored.hardState;
    this.#savedSoftState = this.#softState();
  }

  tick(count = 1): void {
    this.#run(() => tick(this.#core, count));
  }
  step(message: Message): void {
    this.#run(() => step(this.#core, message));
  }
  propose(proposals: Parameters<Raft['propose']>[0]): ReturnType<Raft['propose']> {
    return this.#run(() => propose(this.#core, proposals));
  }
  changeMembership(change: Parameters<Raft['changeMembership']>[0]): ReturnType<Raft['changeMembership']> {
    return this.#run(() => changeMembership(this.#core, change));
  }
  read(context: number, mode: Parameters<Raft['read']>[1]): void {
    this.#run(() => requestRead(this.#core, { from: this.#core.id, context, mode }));
  }
  transferLeadership(to?: MemberId): ReturnType<Raft['transferLeadership']> {
    return this.#run(() => transferLeadership(this.#core, to));
  }
  campaign(): void {
    this.#run(() => {
      if (isAlone(this.#core) || !leaderStands(this.#core)) preCampaign(this.#core);
    });
  }

  hasReady(): boolean {
    return this.#run(() => {
      this.#flush();
      const core = this.#core;
      return (
        core.outbox.length > 0 ||
        core.log.hasUnpersisted ||
        this.#changedHardState() !== undefined ||
        core.log.hasCommitted(core.settings.committedBytes) ||
        core.reads.length > 0 ||
        core.refused.length > 0 ||
        core.snapshotReads.length > 0 ||
        core.snapshotChunks.length > 0 ||
        core.compacted ||
        this.#changedSoftState() !== undefined
      );
    });
  }

  ready(): Ready {
    return this.#run(() => this.#ready());
  }

  #ready(): Ready {
    this.#flush();
    const core = this.#core;
    const hardState = this.#changedHardState();
    const persists = hardState !== undefined || core.log.hasUnpersisted;
    if (persists) this.#persistId++;
    if (core.held.length > 0) {
      this.#waiting.push({ persistId: this.#persistId, messages: core.held });
      core.held = [];
    }
    const softState = this.#changedSoftState();
    this.#savedHardState = hardState ?? this.#savedHardState;
    this.#savedSoftState = softState ?? this.#savedSoftState;
    const ready: Ready = {
      persistId: persists ? this.#persistId : undefined,
      hardState,
      entries: persists ? core.log.takeUnpersisted(this.#persistId) : [],
      messages: core.outbox,
      committed: core.log.takeCommitted(core.settings.committedBytes),
      reads: core.reads,
      refused: core.refused,
      snapshotReads: core.snapshotReads,
      snapshotChunks: core.snapshotChunks,
      compactedTo: core.compacted ? core.log.base : undefined,
      softState,
    };
    core.outbox = [];
    core.reads = [];
    core.refused = [];
    core.snapshotReads = [];
    core.snapshotChunks = [];
    core.compacted = false;
    return ready;
  }

  persisted(persistId: number): void {
    this.#run(() => {
      invariant(persistId <= this.#persistId, `Ready ${persistId} was handed out before it was persisted`);
      this.#durableId = Math.max(this.#durableId, persistId);
      this.#core.log.persistedTo(this.#durableId);
      while (this.#waiting.length > 0 && (this.#waiting[0]?.persistId as number) <= this.#durableId) {
        this.#release(this.#waiting.shift()?.messages ?? []);
      }
      advanceCommit(this.#core);
    });
  }

  applied(index: number): void {
    this.#run(() => this.#core.log.appliedTo(index));
  }
  stateDurable(index: number): void {
    this.#run(() => {
      this.#core.durableState = Math.max(this.#core.durableState, index);
      compactLog(this.#core);
    });
  }

  provideSnapshotChunk(to: MemberId, chunk: SnapshotChunk): void {
    this.#run(() => provideSnapshotChunk(this.#core, to, chunk));
  }
  snapshotUnavailable(to: MemberId): void {
    this.#run(() => snapshotUnavailable(this.#core, to));
  }
  snapshotInstalled(snapshot: SnapshotMeta): void {
    this.#run(() => snapshotInstalled(this.#core, snapshot));
  }
  snapshotFailed(snapshot: SnapshotMeta): void {
    this.#run(() => snapshotFailed(this.#core, snapshot));
  }

  unreachable(member: MemberId): void {
    this.#run(() => {
      const progress = this.#core.progress.get(member);
      if (progress?.state === 'replicate') progress.becomeProbe(progress.match + 1);
      if (progress?.stream !== undefined) restartStream(progress.stream);
    });
  }

  status(): RaftStatus {
    const { id, log, progress, role } = this.#core;
    return {
      ...this.#softState(),
      id,
      commit: log.commit,
      applied: log.applied,
      firstIndex: log.firstIndex,
      lastIndex: log.lastIndex,
      configuration: log.configuration,
      changing: isJoint(log.configuration) || log.configurationIndex > log.commit,
      progress:
        role !== 'leader'
          ? []
          : [...progress.values()].map((one) => ({
              id: one.id,
              state: one.state,
              match: one.match,
              active: isActive(this.#core, one.id),
            })),
    };
  }

  /** Turns what may be sent into messages, so that all that came since the last Ready goes out together. */
  #flush(): void {
    const core = this.#core;
    const nothingToPersist = !core.log.hasUnpersisted && this.#changedHardState() === undefined;
    if (nothingToPersist && this.#durableId === this.#persistId && core.held.length > 0) {
      const { held } = core;
      core.held = [];
      this.#release(held);
    }
    if (core.role !== 'leader') return;
    flushReads(core);
    flushAppends(core);
  }

  #release(messages: readonly Message[]): void {
    const core = this.#core;
    for (const message of messages) {
      // Nobody needs the answer any more.
      if (message.term !== core.term) continue;
      if (message.to === core.id) step(core, message);
      else core.outbox.push(message);
    }
  }

  #changedHardState(): HardState | undefined {
    const { term, votedFor } = this.#core;
    if (term === this.#savedHardState.term && votedFor === this.#savedHardState.votedFor) return undefined;
    return { term, votedFor };
  }

  #softState(): SoftState {
    const { role, leader, term } = this.#core;
    return { role, leader, term };
  }

  #changedSoftState(): SoftState | undefined {
    const now = this.#softState();
    const { role, leader, term } = this.#savedSoftState;
    return now.role === role && now.leader === leader && now.term === term ? undefined : now;
  }

  /** A member whose invariant broke does nothing any more: going on could spread the damage. */
  #run<T>(action: () => T): T {
    if (this.#broken !== undefined) {
      throw new KernelError('ERR_INVARIANT', `the member ${this.#core.id} has stopped for good: ${this.#broken}`);
    }
    try {
      return action();
    } catch (error) {
      this.#broken = errorMessage(error);
      throw error;
    }
  }
}

/** One whose pieces are all there begins anew: the driver installs a snapshot when it is given the last piece. */
function receivingFrom({ received }: StoredState): Core['receiving'] {
  if (received === undefined || received.offset >= received.snapshot.sizeBytes) return undefined;
  return { ...received, installing: false };
}

function newCore({ id, stored, random, ...rest }: RaftOptions): Core {
  const settings = settingsOf({ id, stored, random, ...rest });
  const log = new RaftLog(stored);
  invariant(log.lastTerm <= stored.hardState.term, 'no entry of the log is of a later term than the member');
  return {
    id,
    settings,
    random,
    log,
    term: stored.hardState.term,
    votedFor: stored.hardState.votedFor,
    role: 'follower',
    leader: undefined,
    now: 0,
    // A new member has promised nothing.
    promisedUntil: stored.hardState.term > 0 ? settings.electionTicks : 0,
    electionElapsed: 0,
    electionTimeout: 0,
    heartbeatElapsed: 0,
    votes: new Map(),
    progress: new Map(),
    termStart: 0,
    round: 0,
    roundStarts: [],
    leaseUntil: 0,
    leaseRevoked: false,
    pendingReads: [],
    transfer: undefined,
    snapshotBudgetBytes: settings.snapshotBytesPerTick,
    receiving: receivingFrom(stored),
    durableState: stored.base.index,
    outbox: [],
    held: [],
    reads: [],
    refused: [],
    snapshotReads: [],
    snapshotChunks: [],
    compacted: false,
  };
}

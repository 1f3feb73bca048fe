/**
 * What goes into and comes out of the Raft core. Section numbers are those of the Raft paper (extended version) unless
 * "dissertation" is said. Everything here is plain data: a message can be packed as it is.
 */

/** Names one member for ever; a member that lost its disk comes back under a new id. */
export type MemberId = string;

/** Who takes part (§6). While `outgoing` is not empty the group is joint: a majority of both lists must agree. */
export interface Configuration {
  readonly voters: readonly MemberId[];
  /** The voters before the change, while it is under way. */
  readonly outgoing: readonly MemberId[];
  /** Receive the log, count for no majority (dissertation 4.2.1). */
  readonly learners: readonly MemberId[];
  /** How the driver reaches a member; not looked at by the core. */
  readonly addresses: Readonly<Record<MemberId, string>>;
}

/** Which request of which client an entry carries, so that a retry is applied once (§8, dissertation 6.3). */
export interface ProposalId {
  /** Index of the `register` entry that opened the session. */
  readonly session: number;
  /** Counts the client's requests from 1; a retry has the number of the first try. */
  readonly sequence: number;
  /** The client has all answers below this number: the session may forget them. */
  readonly floor: number;
}

interface EntryBase {
  readonly index: number;
  readonly term: number;
}

/** The first entry of a term (§8): commits what earlier terms left. */
export interface NoopEntry extends EntryBase {
  readonly type: 'noop';
}
/** A command for the state machine. */
export interface CommandEntry extends EntryBase {
  readonly type: 'command';
  readonly id?: ProposalId | undefined;
  readonly data: Uint8Array;
}
/** Opens a client session whose id is the index of this entry. `nonce` lets the proposer know its own. */
export interface RegisterEntry extends EntryBase {
  readonly type: 'register';
  readonly nonce: string;
}
/** In force from the moment it is in the log, committed or not (§6). */
export interface ConfigurationEntry extends EntryBase {
  readonly type: 'configuration';
  readonly configuration: Configuration;
}

export type Entry = NoopEntry | CommandEntry | RegisterEntry | ConfigurationEntry;

/** What a client wants to have in the log. */
export type Proposal = Omit<CommandEntry, 'index' | 'term'> | Omit<RegisterEntry, 'index' | 'term'>;

/** Persistent state beside the log (figure 2). The commit index is not in it: it is found again after a restart. */
export interface HardState {
  readonly term: number;
  readonly votedFor: MemberId | undefined;
}

/** The last entry that a snapshot, or a compacted log, stands for. */
export interface LogBase {
  readonly index: number;
  readonly term: number;
  /** In force at `index`. */
  readonly configuration: Configuration;
}

/** A snapshot of the state machine (§7). Its bytes are the driver's; sessions belong to them. */
export interface SnapshotMeta extends LogBase {
  /** Names these very bytes: two snapshots of one index may differ in bytes. */
  readonly id: string;
  readonly sizeBytes: number;
}

// Messages. `term` is the sender's, but in a pre-vote, where it is the term that the sender would campaign in.

interface MessageBase {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly term: number;
}

/** RequestVote (§5.2); with `preVote` it asks without disturbing (dissertation 9.6). */
export interface VoteRequest extends MessageBase {
  readonly type: 'voteRequest';
  readonly preVote: boolean;
  /** Campaign by order of the leader: the lease of the leader does not stand against it (dissertation 3.10). */
  readonly transfer: boolean;
  readonly lastIndex: number;
  readonly lastTerm: number;
}
export interface VoteResponse extends MessageBase {
  readonly type: 'voteResponse';
  readonly preVote: boolean;
  readonly granted: boolean;
}
/** AppendEntries with entries, or with none to find out how far the follower's log fits (§5.3). */
export interface AppendRequest extends MessageBase {
  readonly type: 'appendRequest';
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
  /** Number of the leader's latest read round; the answer echoes it (dissertation 6.4). */
  readonly round: number;
}
export interface AppendResponse extends MessageBase {
  readonly type: 'appendResponse';
  readonly round: number;
  /**
   * accepted: the log is durable and equal to the leader's up to `index`.
   * rejected: the entry `prevIndex` did not fit; `index` and `hintTerm` name the last entry that may fit (§5.3).
   */
  readonly result:
    | { readonly type: 'accepted'; readonly index: number }
    | { readonly type: 'rejected'; readonly prevIndex: number; readonly index: number; readonly hintTerm: number };
}
export interface HeartbeatRequest extends MessageBase {
  readonly type: 'heartbeatRequest';
  readonly commit: number;
  readonly round: number;
}
export interface HeartbeatResponse extends MessageBase {
  readonly type: 'heartbeatResponse';
  readonly round: number;
}
/** InstallSnapshot (§7), one piece. */
export interface SnapshotRequest extends MessageBase {
  readonly type: 'snapshotRequest';
  readonly snapshot: SnapshotMeta;
  readonly offset: number;
  readonly data: Uint8Array;
  readonly last: boolean;
}
/** The follower has `offset` bytes of the snapshot: go on from there, wherever the sender believes to be. */
export interface SnapshotResponse extends MessageBase {
  readonly type: 'snapshotResponse';
  readonly snapshotId: string;
  readonly offset: number;
}
/** The leader orders the receiver to campaign at once (dissertation 3.10). */
export interface TimeoutNow extends MessageBase {
  readonly type: 'timeoutNow';
}
/** Proposals that a follower passes on to the leader. A lost one is retried by its proposer under the same id. */
export interface ForwardRequest extends MessageBase {
  readonly type: 'forwardRequest';
  readonly proposals: readonly Proposal[];
}
/** The receiver of a `forwardRequest` did not take it. */
export interface ForwardRefusal extends MessageBase {
  readonly type: 'forwardRefusal';
  readonly proposals: readonly Proposal[];
  readonly reason: Refusal;
}
/** quorum: the leader asks a majority whether it still leads. lease: it need not while its lease lasts. */
export type ReadMode = 'quorum' | 'lease';

/** A follower asks for a read index (dissertation 6.4). */
export interface ReadRequest extends MessageBase {
  readonly type: 'readRequest';
  readonly context: number;
  readonly mode: ReadMode;
}
export interface ReadResponse extends MessageBase {
  readonly type: 'readResponse';
  readonly context: number;
  /** undefined: the asked member is no leader, or stopped being one. */
  readonly index: number | undefined;
}

export type Message =
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendResponse
  | HeartbeatRequest
  | HeartbeatResponse
  | SnapshotRequest
  | SnapshotResponse
  | TimeoutNow
  | ForwardRequest
  | ForwardRefusal
  | ReadRequest
  | ReadResponse;

// What the driver has to do.

/** A piece of a snapshot that the leader's driver shall read and hand to `provideSnapshotChunk`. */
export interface SnapshotRead {
  readonly to: MemberId;
  /** undefined: of a snapshot of the driver's choice, at or after `minIndex`; else go on with this one if it still exists. */
  readonly snapshotId: string | undefined;
  readonly minIndex: number;
  readonly offset: number;
  readonly limitBytes: number;
}

/** A piece of a snapshot that came from the leader. The driver appends it to a file of its own. */
export interface SnapshotChunk {
  readonly snapshot: SnapshotMeta;
  readonly offset: number;
  readonly data: Uint8Array;
  /** Now the driver checks the whole, installs it and calls `snapshotInstalled` or `snapshotFailed`. */
  readonly last: boolean;
}

/** The answer to `read`: the state may be read when it is applied up to `index`; undefined: ask again, elsewhere. */
export interface ReadResult {
  readonly context: number;
  readonly index: number | undefined;
}

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** For logs, metrics and who waits for a leader. */
export interface SoftState {
  readonly role: Role;
  readonly leader: MemberId | undefined;
  readonly term: number;
}

/**
 * Work for the driver. All parts may be done at the same time, and the next `ready()` may be taken before they are
 * done: what has to wait for the disk is held back by the core until `persisted`. Two orders count: persist the
 * Readies one after the other, and apply `committed` one after the other.
 */
export interface Ready {
  /** Give it to `persisted` when `hardState` and `entries` of this Ready are durable. undefined: nothing to persist. */
  readonly persistId: number | undefined;
  /** Changed; must be durable together with, or before, `entries`. */
  readonly hardState: HardState | undefined;
  /** Append to the log on disk, in place of all it has from the index of the first one on. */
  readonly entries: readonly Entry[];
  /** Send now, in this order to each member. May be lost, doubled, late. */
  readonly messages: readonly Message[];
  /** Durable here and on a majority: apply in order, each exactly once (`SessionTable` tells retries). */
  readonly committed: readonly Entry[];
  readonly reads: readonly ReadResult[];
  /** Proposals this member passed on that the leader did not take: tell the proposer, or propose again. */
  readonly refused: readonly { readonly proposal: Proposal; readonly reason: Refusal }[];
  readonly snapshotReads: readonly SnapshotRead[];
  readonly snapshotChunks: readonly SnapshotChunk[];
  /** Entries up to here are not needed any more: drop them from the disk when convenient, and remember the base. */
  readonly compactedTo: LogBase | undefined;
  /** Role, leader or term changed. */
  readonly softState: SoftState | undefined;
}

// What the driver asks.

/**
 * noLeader: none is known; try again later.   notLeader: the asked member leads no more.
 * transferring: the leader hands over.        busy: too much is not committed yet.
 * tooLarge: no message could carry it.
 */
export type Refusal = 'noLeader' | 'notLeader' | 'transferring' | 'busy' | 'tooLarge';

export type ProposeResult =
  /** In the log of this leader; it may still be lost, until it comes back as committed with this very term. */
  | { readonly type: 'appended'; readonly firstIndex: number; readonly term: number }
  | { readonly type: 'forwarded'; readonly leader: MemberId }
  | { readonly type: 'refused'; readonly reason: Refusal };

/** One change of the membership. A voter always comes in as a learner first. */
export interface MembershipChange {
  readonly addLearners?: readonly { readonly id: MemberId; readonly address: string }[];
  readonly promote?: readonly MemberId[];
  readonly remove?: readonly MemberId[];
}

export type ChangeResult =
  | { readonly type: 'started'; readonly index: number; readonly term: number }
  /** `reason` is a sentence for the operator. `passing`: it passes by itself, the same request may be taken a moment later. */
  | { readonly type: 'refused'; readonly reason: string; readonly passing?: true };

/** How a member begins: what its disk has. */
export interface StoredState {
  readonly hardState: HardState;
  /** A new group: index 0 and its founders as voters. A member that shall join: index 0 and an empty configuration. */
  readonly base: LogBase;
  /** Follow `base` without a gap. */
  readonly entries: readonly Entry[];
  /** The state machine has these; at least `base.index`. */
  readonly appliedIndex: number;
  /** A snapshot that was being received: the pieces up to `offset` are on disk. One of which all are there is asked for anew. */
  readonly received?: { readonly snapshot: SnapshotMeta; readonly offset: number } | undefined;
}

export interface RaftOptions {
  readonly id: MemberId;
  readonly stored: StoredState;
  /** A whole number from 0 up to, not including, `bound`; the only chance in the core. */
  readonly random: (bound: number) => number;
  /** An election starts after `electionTicks` to 2 × `electionTicks` - 1 ticks without a leader (§5.2). Default 10. */
  readonly electionTicks?: number;
  /** Default 1. */
  readonly heartbeatTicks?: number;
  /**
   * How long a heartbeat round that a majority answered allows reads without asking, in ticks (dissertation 6.4.1).
   * At most electionTicks - 1; the less, the more the members' clocks may drift. Default 3/4 of electionTicks.
   */
  readonly leaseTicks?: number;
  /** Larger proposals are refused as `tooLarge`. Default 8 MiB. */
  readonly entryBytes?: number;
  /** Entries of one message stay below, but for a single entry that is larger. Defaults 1 MiB, 4096. */
  readonly messageBytes?: number;
  readonly messageEntries?: number;
  /** Sent to one follower and not answered. Defaults 16 MiB, 8192. */
  readonly inflightBytes?: number;
  readonly inflightEntries?: number;
  /** Proposals are refused as `busy` while more is not committed. Default 64 MiB. */
  readonly uncommittedBytes?: number;
  /** One Ready hands out at most so much to apply (but at least one entry). Default 8 MiB. */
  readonly committedBytes?: number;
  /** A compacted log keeps so many entries for slow followers, unless they exceed `tailBytes`. Defaults 5000, 64 MiB. */
  readonly tailEntries?: number;
  readonly tailBytes?: number;
  /** Size of a piece of a snapshot, pieces on their way to one follower, followers served at once. 256 KiB, 4, 1. */
  readonly snapshotChunkBytes?: number;
  readonly snapshotChunksInflight?: number;
  readonly snapshotStreams?: number;
  /** Snapshot bytes that a leader sends in one tick, to all together. Default 8 MiB. */
  readonly snapshotBytesPerTick?: number;
  /** A learner that misses more entries is not promoted. Default 1000. */
  readonly promoteLagEntries?: number;
  /** Reads that wait for a round; more are refused. Default 10000. */
  readonly pendingReads?: number;
}

/** How far a member is, as its leader sees it. */
export interface MemberProgress {
  readonly id: MemberId;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly match: number;
  /** It answered within the last election timeout. */
  readonly active: boolean;
}

export interface RaftStatus extends SoftState {
  readonly id: MemberId;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly configuration: Configuration;
  /** The configuration in force is joint, or not committed yet. */
  readonly changing: boolean;
  /** Empty but on a leader. */
  readonly progress: readonly MemberProgress[];
}

/** The Raft core. No method waits; none is safe to call from within another. */
export interface Raft {
  /** So many tick intervals have passed. Bring it up to date before `read` by lease, after any pause. */
  tick(count?: number): void;
  /** A message came. Its shape has been checked, and that `from` is who sent it. */
  step(message: Message): void;
  propose(proposals: readonly Proposal[]): ProposeResult;
  changeMembership(change: MembershipChange): ChangeResult;
  /** The answer comes in `Ready.reads`. `lease`: without a round where the leader's lease allows it. */
  read(context: number, mode: ReadMode): void;
  /** Hands leadership to `to`, or to the best voter. Given up after an election timeout. */
  transferLeadership(
    to?: MemberId,
  ): { readonly type: 'started' } | { readonly type: 'refused'; readonly reason: string };
  /** Stands for election now, with a pre-vote; not while a leader's lease stands against it. Starts a group of one at once. */
  campaign(): void;

  hasReady(): boolean;
  ready(): Ready;
  /** `hardState` and `entries` of this Ready and of all before it are durable. */
  persisted(persistId: number): void;
  /** The state machine has applied all up to `index`, as handed out. */
  applied(index: number): void;
  /** The state machine has all up to `index` on disk: the log may be compacted behind it. */
  stateDurable(index: number): void;

  provideSnapshotChunk(to: MemberId, chunk: SnapshotChunk): void;
  /** The leader's driver has no snapshot to read from now; asked again after a heartbeat. */
  snapshotUnavailable(to: MemberId): void;
  /** The received snapshot is the state now, durably, and the log on disk is empty and starts behind it. */
  snapshotInstalled(snapshot: SnapshotMeta): void;
  /** The received snapshot was damaged: it is asked for again from the beginning. */
  snapshotFailed(snapshot: SnapshotMeta): void;

  /** A message to this member could not be sent: what was in flight is taken for lost. */
  unreachable(member: MemberId): void;
  status(): RaftStatus;
}

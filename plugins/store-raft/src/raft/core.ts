import type { RaftLog } from './log.ts';
import type { Progress } from './progress.ts';
import type { Settings } from './settings.ts';
import type {
  MemberId,
  Message,
  ReadMode,
  ReadResult,
  Ready,
  Role,
  SnapshotChunk,
  SnapshotMeta,
  SnapshotRead,
} from './types.ts';

export interface PendingRead {
  /** Who asked: this member or a follower. */
  readonly from: MemberId;
  readonly context: number;
  readonly mode: ReadMode;
  /** The commit index when it came; undefined while no entry of this term is committed. */
  index: number | undefined;
  /** The round that has to be answered by a majority; undefined: not begun. */
  round: number | undefined;
}

type WithoutSender<M> = M extends Message ? Omit<M, 'from' | 'term'> & { readonly term?: number } : never;
/** A message to send; `from` and, unless given, `term` are this member's. */
export type Outgoing = WithoutSender<Message>;

/** Everything one member knows. The files beside this one are the rules that change it. */
export interface Core {
  readonly id: MemberId;
  readonly settings: Settings;
  readonly random: (bound: number) => number;
  readonly log: RaftLog;

  term: number;
  votedFor: MemberId | undefined;
  role: Role;
  leader: MemberId | undefined;

  /** Ticks since the start. */
  now: number;
  /** Before this tick no vote is given: a promise made to a leader before a restart may still stand. */
  promisedUntil: number;
  /** Ticks since a leader was heard, a vote was given, or an election began. */
  electionElapsed: number;
  electionTimeout: number;
  heartbeatElapsed: number;
  votes: Map<MemberId, boolean>;

  // Of a leader only.
  progress: Map<MemberId, Progress>;
  /** Index of its first entry in this term. */
  termStart: number;
  round: number;
  /** Ticks at which rounds began, oldest first, that are not confirmed. */
  roundStarts: { readonly round: number; readonly tick: number }[];
  leaseUntil: number;
  /** It ordered another to campaign: no lease holds in this term any more. */
  leaseRevoked: boolean;
  pendingReads: PendingRead[];
  transfer: { readonly to: MemberId; elapsed: number } | undefined;
  snapshotBudgetBytes: number;

  /** A snapshot that is being received. `installing`: all of it is with the driver. */
  receiving: { readonly snapshot: SnapshotMeta; offset: number; installing: boolean } | undefined;
  durableState: number;

  // What the next Ready carries.
  outbox: Message[];
  /** Messages that promise what has to be durable first. */
  held: Message[];
  reads: ReadResult[];
  refused: Ready['refused'][number][];
  snapshotReads: SnapshotRead[];
  snapshotChunks: SnapshotChunk[];
  compacted: boolean;
}

function stamped(core: Core, message: Outgoing): Message {
  return { ...message, from: core.id, term: message.term ?? core.term };
}

/** Sends with the next Ready. */
export function send(core: Core, message: Outgoing): void {
  core.outbox.push(stamped(core, message));
}

/** Sends when all that this member has in its log and hard state now is durable. One to itself comes back then. */
export function sendWhenDurable(core: Core, message: Outgoing): void {
  const next = stamped(core, message);
  const last = core.held.at(-1);
  // An acknowledgement includes those before it.
  if (
    next.type === 'appendResponse' &&
    last?.type === 'appendResponse' &&
    last.to === next.to &&
    last.term === next.term &&
    last.result.type === 'accepted' &&
    next.result.type === 'accepted'
  ) {
    const index = Math.max(last.result.index, next.result.index);
    const round = Math.max(last.round, next.round);
    core.held[core.held.length - 1] = { ...next, round, result: { type: 'accepted', index } };
    return;
  }
  core.held.push(next);
}

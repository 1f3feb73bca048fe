/** What an operator does with a replicated store: members, leadership, snapshots, checks. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { StoreMember, StoreStatus } from './index.ts';

/** A member as its group sees it. */
export interface MemberStatus extends StoreMember {
  /** It is this member that answers. */
  readonly self: boolean;
  readonly leader: boolean;
  /** Undefined: it did not answer, see `error`. */
  readonly status: StoreStatus | undefined;
  readonly error: string | undefined;
  /** Last index of the log that the leader knows to be on this member's disk; undefined when the leader did not answer. */
  readonly matchIndex: number | undefined;
}

/** The state of one member at one revision. */
export interface StoreHash {
  readonly memberId: string;
  readonly revision: number;
  /** Hex SHA-256 over the live keys and leases at `revision`, in key order. Equal on members that are equal. */
  readonly hash: string;
  readonly keys: number;
}

export interface MemberCheck {
  readonly memberId: string;
  readonly name: string;
  /** Undefined: it did not answer or its files are damaged, see `problems`. */
  readonly hash: StoreHash | undefined;
  /** Sentences; none: fine. */
  readonly problems: readonly string[];
}

export interface StoreCheck {
  readonly revision: number;
  /** All members answered, their files are sound and their hashes equal. */
  readonly healthy: boolean;
  readonly members: readonly MemberCheck[];
}

/**
 * Every method may be called on any member: what only the leader can do is passed on to it. Failures are StoreError:
 * UNAVAILABLE (no leader, no majority, time-out: try again), REFUSED (the message says why, nothing was changed).
 */
export interface StoreAdmin {
  members(): Promise<readonly MemberStatus[]>;
  /** Adds a member that receives the log and does not vote. `peerUrl`: `HOST:PORT` of its peer listener. */
  addLearner(member: { readonly id: string; readonly name: string; readonly peerUrl: string }): Promise<void>;
  /** Makes a learner a voter. REFUSED while it misses too much of the log. */
  promote(memberId: string): Promise<void>;
  /** REFUSED when what is left could not agree. */
  remove(memberId: string): Promise<void>;
  /** Resolves when another leads. Undefined: the voter that is furthest. */
  moveLeader(memberId?: string): Promise<void>;
  compact(revision: number): Promise<void>;
  /** Of this member. 0: at its current revision. */
  hash(revision: number): Promise<StoreHash>;
  /** Reads every record of this member's files, and compares all members at one revision. */
  check(): Promise<StoreCheck>;
}

/** Token of the store's administration. */
export const storeAdmin: ServiceToken<StoreAdmin, 'one'> = defineService<StoreAdmin>('store.admin', {
  major: 1,
  cardinality: 'one',
});

/**
 * What the applied state machine keeps so that a retried proposal is applied once (§8, dissertation 6.3). It is part of
 * the replicated state: every member makes the same calls in log order, and snapshots carry it.
 */
import { invariant } from '@timonel/sdk';
import type { ProposalId } from './types.ts';

export type Verdict<R> =
  /** Apply the command, then call `applied` with its result. */
  | { readonly type: 'apply' }
  /** It was applied before: answer with this. */
  | { readonly type: 'duplicate'; readonly result: R }
  /** Its answer has been forgotten, because the client said it had it. It was applied, or never will be. */
  | { readonly type: 'stale' }
  /** The session was never opened, or has been forgotten: whether it was applied is not known any more. */
  | { readonly type: 'expired' };

interface Session<R> {
  /** Results from here on are kept; a proposal below is stale. */
  floor: number;
  lastUsedIndex: number;
  readonly results: Map<number, R>;
}

/** Plain data: [session, floor, lastUsedIndex, [sequence, result][]][]. */
export type SessionSnapshot<R> = readonly (readonly [number, number, number, readonly (readonly [number, R])[]])[];

export interface SessionLimits {
  /** More than these: the one that was used least recently is forgotten. Must be equal on all members. */
  readonly sessions: number;
  /** Results that one session keeps; the floor moves up when there are more. Must be equal on all members. */
  readonly results: number;
}

const defaultLimits: SessionLimits = { sessions: 1000, results: 10_000 };

export class SessionTable<R> {
  readonly #limits: SessionLimits;
  // In the order of last use, oldest first.
  readonly #sessions = new Map<number, Session<R>>();

  constructor(limits: SessionLimits = defaultLimits, snapshot: SessionSnapshot<R> = []) {
    this.#limits = limits;
    for (const [id, floor, lastUsedIndex, results] of snapshot) {
      this.#sessions.set(id, { floor, lastUsedIndex, results: new Map(results) });
    }
  }

  /** A `register` entry is applied: opens the session named by its index. */
  register(index: number): void {
    invariant(!this.#sessions.has(index), `session ${index} is opened once`);
    this.#sessions.set(index, { floor: 1, lastUsedIndex: index, results: new Map() });
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size <= this.#limits.sessions) break;
      this.#sessions.delete(oldest);
    }
  }

  /** What to do with the command in the entry `index`. A command without an id is always applied. */
  begin(index: number, id: ProposalId | undefined): Verdict<R> {
    if (id === undefined) return { type: 'apply' };
    const session = this.#sessions.get(id.session);
    if (session === undefined) return { type: 'expired' };
    this.#sessions.delete(id.session);
    this.#sessions.set(id.session, session);
    session.lastUsedIndex = index;
    this.#raiseFloor(session, id.floor);
    if (id.sequence < session.floor) return { type: 'stale' };
    if (!session.results.has(id.sequence)) return { type: 'apply' };
    return { type: 'duplicate', result: session.results.get(id.sequence) as R };
  }

  /** The command was applied with this result. */
  applied(id: ProposalId | undefined, result: R): void {
    if (id === undefined) return;
    const session = this.#sessions.get(id.session);
    invariant(session !== undefined, 'the session of what was applied is open');
    // The text is made when it is needed: this is done for every write.
    if (session.results.has(id.sequence)) {
      invariant(false, `request ${id.sequence} of session ${id.session} is applied once`);
    }
    session.results.set(id.sequence, result);
    while (session.results.size > this.#limits.results) {
      this.#raiseFloor(session, Math.min(...session.results.keys()) + 1);
    }
  }

  #raiseFloor(session: Session<R>, floor: number): void {
    if (floor <= session.floor) return;
    session.floor = floor;
    for (const sequence of session.results.keys()) if (sequence < floor) session.results.delete(sequence);
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Equal on members that applied the same entries. */
  snapshot(): SessionSnapshot<R> {
    return [...this.#sessions].map(([id, { floor, lastUsedIndex, results }]) => [
      id,
      floor,
      lastUsedIndex,
      [...results].sort(([a], [b]) => a - b),
    ]);
  }
}

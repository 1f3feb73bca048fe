import type { ProposalId } from '../../../plugins/store-raft/src/raft/types.ts';
import type { Answer, Change, ChangeEvent, KeyValue, Operation } from '../workload/operation.ts';
import { SessionTable, type SessionSnapshot } from './core.ts';
import type { Command } from './wire.ts';

/** Everything a member must have to go on as if it had applied the log itself. */
export interface KvSnapshot {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly kvs: readonly KeyValue[];
  readonly changes: readonly Change[];
  /** [id, time to live] of those that run. How much time they have left is not part of the state. */
  readonly leases: readonly (readonly [number, number])[];
  readonly sessions: SessionSnapshot<Answer>;
  readonly hash: number;
}

// More than a run opens: an expired session would leave a write's outcome unknown.
const sessionLimits = { sessions: 50, results: 20 };

/** `stale`: a late copy of a write that its client gave up. `noSession`: its session is not known. Nothing was done. */
export type Applied =
  | {
      readonly type: 'answer';
      readonly answer: Answer;
      readonly change: Change | undefined;
      readonly endedLease: number | undefined;
    }
  | { readonly type: 'stale' }
  | { readonly type: 'noSession' };

interface Effect {
  readonly events: readonly ChangeEvent[];
  readonly kvs?: readonly KeyValue[];
  readonly lease?: number;
  readonly endedLease?: number;
}

/** The store contract's semantics, small: revisions, compare, leases, history for watches, sessions against double writes. */
export class KvMachine {
  revision = 1;
  compactedRevision = 0;
  hash = 0;
  #sessions = new SessionTable<Answer>(sessionLimits);
  readonly #kvs = new Map<string, KeyValue>();
  readonly #leases = new Map<number, number>();
  #changes: Change[] = [];

  static restore(snapshot: KvSnapshot): KvMachine {
    const machine = new KvMachine();
    machine.revision = snapshot.revision;
    machine.compactedRevision = snapshot.compactedRevision;
    machine.hash = snapshot.hash;
    for (const kv of snapshot.kvs) machine.#kvs.set(kv.key, kv);
    for (const [id, ttlMs] of snapshot.leases) machine.#leases.set(id, ttlMs);
    machine.#changes = [...snapshot.changes];
    machine.#sessions = new SessionTable(sessionLimits, snapshot.sessions);
    return machine;
  }

  snapshot(): KvSnapshot {
    return {
      revision: this.revision,
      compactedRevision: this.compactedRevision,
      kvs: [...this.#kvs.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1)),
      changes: [...this.#changes],
      leases: [...this.#leases],
      sessions: this.#sessions.snapshot(),
      hash: this.hash,
    };
  }

  register(index: number): void {
    this.#sessions.register(index);
    this.hash = hashText(this.hash, `session ${index}`);
  }

  /** A command in an entry of this index and term; one without an id comes from a leader, not from a client. */
  apply(index: number, term: number, id: ProposalId | undefined, command: Command): Applied {
    const verdict = this.#sessions.begin(index, id);
    if (verdict.type === 'duplicate') {
      return { type: 'answer', answer: verdict.result, change: undefined, endedLease: undefined };
    }
    if (verdict.type === 'stale') return verdict;
    if (verdict.type === 'expired') return { type: 'noSession' };
    const { kvs = [], events, lease, endedLease } = this.#evaluate(command.operation, index, term);
    const change = events.length > 0 ? { revision: this.revision + 1, events } : undefined;
    if (change !== undefined) this.#commit(change);
    const answer = {
      revision: this.revision,
      changed: change !== undefined,
      kvs,
      ...(lease !== undefined && { lease }),
    };
    this.#sessions.applied(id, answer);
    this.hash = hashText(
      this.hash,
      `${command.origin} ${answer.revision} ${this.compactedRevision} ${this.#leases.size} ${JSON.stringify(events)}`,
    );
    return { type: 'answer', answer, change, endedLease };
  }

  /** The leases that run, with their times to live. */
  get leases(): ReadonlyMap<number, number> {
    return this.#leases;
  }

  read(from: string, to: string): Answer {
    const kvs: KeyValue[] = [];
    for (const kv of this.#kvs.values()) if (kv.key >= from && kv.key < to) kvs.push(kv);
    kvs.sort((a, b) => (a.key < b.key ? -1 : 1));
    return { revision: this.revision, changed: false, kvs };
  }

  /** The changes from a revision on, or undefined when some of them were compacted. */
  changesFrom(revision: number): readonly Change[] | undefined {
    if (revision <= this.compactedRevision) return undefined;
    let at = this.#changes.length;
    while (at > 0 && (this.#changes[at - 1] as Change).revision >= revision) at -= 1;
    return this.#changes.slice(at);
  }

  /** A hash of all that a snapshot holds, for comparing members. */
  contentHash(): number {
    const { kvs, changes, ...rest } = this.snapshot();
    let hash = hashText(0, JSON.stringify(rest));
    for (const part of [...kvs, ...changes]) hash = Math.imul(hash ^ hashOf(part), 0x01000193);
    return hash >>> 0;
  }

  #evaluate(operation: Operation, index: number, term: number): Effect {
    switch (operation.type) {
      case 'put': {
        const { keys, value, lease = 0 } = operation;
        if (lease !== 0 && !this.#leases.has(lease)) return { events: [], lease: 0 };
        return { events: keys.map((key) => this.#put(key, value, lease)), ...(lease !== 0 && { lease }) };
      }
      case 'delete':
        return { events: this.#kvs.has(operation.key) ? [this.#deletion(operation.key)] : [] };
      case 'compareAndPut': {
        const kv = this.#kvs.get(operation.key);
        if ((kv?.modRevision ?? 0) !== operation.modRevision) return { kvs: kv === undefined ? [] : [kv], events: [] };
        return { events: [this.#put(operation.key, operation.value, 0)] };
      }
      case 'compact':
        this.#compact(operation.revision);
        return { events: [] };
      case 'grant':
        this.#leases.set(index, operation.ttlMs);
        return { events: [], lease: index };
      case 'revoke':
        return this.#endLease(operation.leaseId);
      case 'expire':
        // A leader of an earlier term saw it; the one of this term may have given the lease its full time again.
        return operation.term === term ? this.#endLease(operation.leaseId) : { events: [] };
      default:
        throw new Error(`a ${operation.type} has no place in the log`);
    }
  }

  #put(key: string, value: string, lease: number): ChangeEvent {
    const old = this.#kvs.get(key);
    const modRevision = this.revision + 1;
    const createRevision = old?.createRevision ?? modRevision;
    return { type: 'put', kv: { key, value, createRevision, modRevision, version: (old?.version ?? 0) + 1, lease } };
  }

  #deletion(key: string): ChangeEvent {
    const modRevision = this.revision + 1;
    return { type: 'delete', kv: { key, value: '', createRevision: 0, modRevision, version: 0, lease: 0 } };
  }

  /** Its keys go with it, in one revision. */
  #endLease(leaseId: number): Effect {
    if (!this.#leases.delete(leaseId)) return { events: [], lease: 0 };
    const keys = [...this.#kvs.values()].filter((kv) => kv.lease === leaseId).map((kv) => kv.key);
    return { events: keys.toSorted().map((key) => this.#deletion(key)), lease: leaseId, endedLease: leaseId };
  }

  #commit(change: Change): void {
    this.revision = change.revision;
    this.#changes.push(change);
    for (const { type, kv } of change.events) {
      if (type === 'put') this.#kvs.set(kv.key, kv);
      else this.#kvs.delete(kv.key);
    }
  }

  #compact(revision: number): void {
    this.compactedRevision = Math.max(this.compactedRevision, Math.min(revision, this.revision));
    this.#changes = this.#changes.filter((change) => change.revision > this.compactedRevision);
  }
}

// These never change, and most of them are shared by all members.
const hashes = new WeakMap<object, number>();

function hashOf(part: KeyValue | Change): number {
  const known = hashes.get(part);
  if (known !== undefined) return known;
  const hash = hashText(0, JSON.stringify(part));
  hashes.set(part, hash);
  return hash;
}

export function hashText(start: number, text: string): number {
  let hash = start ^ 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

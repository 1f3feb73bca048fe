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
  readonly sessions: SessionSnapshot<Answer>;
  readonly hash: number;
}

// More than a run opens: an expired session would leave a write's outcome unknown.
const sessionLimits = { sessions: 50, results: 20 };

/** `stale`: a late copy of a write that its client gave up. `noSession`: its session is not known. Nothing was done. */
export type Applied =
  | { readonly type: 'answer'; readonly answer: Answer; readonly change: Change | undefined }
  | { readonly type: 'stale' }
  | { readonly type: 'noSession' };

/** The store contract's semantics, small: revisions, versions, compare, history for watches, sessions against double writes. */
export class KvMachine {
  revision = 1;
  compactedRevision = 0;
  hash = 0;
  #sessions = new SessionTable<Answer>(sessionLimits);
  readonly #kvs = new Map<string, KeyValue>();
  #changes: Change[] = [];

  static restore(snapshot: KvSnapshot): KvMachine {
    const machine = new KvMachine();
    machine.revision = snapshot.revision;
    machine.compactedRevision = snapshot.compactedRevision;
    machine.hash = snapshot.hash;
    for (const kv of snapshot.kvs) machine.#kvs.set(kv.key, kv);
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
      sessions: this.#sessions.snapshot(),
      hash: this.hash,
    };
  }

  register(index: number): void {
    this.#sessions.register(index);
    this.hash = hashText(this.hash, `session ${index}`);
  }

  apply(index: number, id: ProposalId, command: Command): Applied {
    const verdict = this.#sessions.begin(index, id);
    if (verdict.type === 'duplicate') return { type: 'answer', answer: verdict.result, change: undefined };
    if (verdict.type === 'stale') return verdict;
    if (verdict.type === 'expired') return { type: 'noSession' };
    const { kvs, events } = this.#evaluate(command.operation, this.revision + 1);
    const change = events.length > 0 ? { revision: this.revision + 1, events } : undefined;
    if (change !== undefined) this.#commit(change);
    const answer: Answer = { revision: this.revision, changed: change !== undefined, kvs };
    this.#sessions.applied(id, answer);
    this.hash = hashText(
      this.hash,
      `${command.origin} ${answer.revision} ${this.compactedRevision} ${JSON.stringify(events)}`,
    );
    return { type: 'answer', answer, change };
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
    return hashText(0, JSON.stringify(this.snapshot()));
  }

  #evaluate(operation: Operation, revision: number): { kvs: readonly KeyValue[]; events: readonly ChangeEvent[] } {
    switch (operation.type) {
      case 'put':
        return { kvs: [], events: operation.keys.map((key) => this.#put(key, operation.value, revision)) };
      case 'delete':
        return { kvs: [], events: this.#kvs.has(operation.key) ? [deletion(operation.key, revision)] : [] };
      case 'compareAndPut': {
        const kv = this.#kvs.get(operation.key);
        if ((kv?.modRevision ?? 0) !== operation.modRevision) return { kvs: kv === undefined ? [] : [kv], events: [] };
        return { kvs: [], events: [this.#put(operation.key, operation.value, revision)] };
      }
      case 'compact':
        this.#compact(operation.revision);
        return { kvs: [], events: [] };
      case 'read':
        throw new Error('a read has no place in the log');
    }
  }

  #put(key: string, value: string, revision: number): ChangeEvent {
    const old = this.#kvs.get(key);
    const createRevision = old?.createRevision ?? revision;
    return { type: 'put', kv: { key, value, createRevision, modRevision: revision, version: (old?.version ?? 0) + 1 } };
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

function deletion(key: string, revision: number): ChangeEvent {
  return { type: 'delete', kv: { key, value: '', createRevision: 0, modRevision: revision, version: 0 } };
}

export function hashText(start: number, text: string): number {
  let hash = start ^ 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

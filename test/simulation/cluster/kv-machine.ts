import type { Answer, Change, ChangeEvent, Command, KeyValue, Operation } from '../workload/operation.ts';

/** Everything a member must have to go on as if it had applied the log itself. */
export interface KvSnapshot {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly kvs: readonly KeyValue[];
  readonly changes: readonly Change[];
  readonly sessions: readonly (readonly [string, Session])[];
  readonly hash: number;
}

/** The last write of a client: a client has one write under way, so a lower number is a late copy of what it gave up. */
export interface Session {
  readonly sequence: number;
  readonly answer: Answer;
}

/** `undefined` as answer: a late copy of a write that its client gave up. Nothing was done. */
export interface Applied {
  readonly answer: Answer | undefined;
  readonly change: Change | undefined;
}

/** The store contract's semantics, small: revisions, versions, compare, history for watches, sessions against double writes. */
export class KvMachine {
  revision = 1;
  compactedRevision = 0;
  hash = 0;
  readonly #kvs = new Map<string, KeyValue>();
  #changes: Change[] = [];
  readonly #sessions = new Map<string, Session>();

  static restore(snapshot: KvSnapshot): KvMachine {
    const machine = new KvMachine();
    machine.revision = snapshot.revision;
    machine.compactedRevision = snapshot.compactedRevision;
    machine.hash = snapshot.hash;
    for (const kv of snapshot.kvs) machine.#kvs.set(kv.key, kv);
    machine.#changes = [...snapshot.changes];
    for (const [client, session] of snapshot.sessions) machine.#sessions.set(client, session);
    return machine;
  }

  snapshot(): KvSnapshot {
    return {
      revision: this.revision,
      compactedRevision: this.compactedRevision,
      kvs: [...this.#kvs.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1)),
      changes: [...this.#changes],
      sessions: [...this.#sessions].toSorted((a, b) => (a[0] < b[0] ? -1 : 1)),
      hash: this.hash,
    };
  }

  apply(command: Command): Applied {
    const session = this.#sessions.get(command.client);
    if (session !== undefined && command.sequence <= session.sequence) {
      return { answer: command.sequence === session.sequence ? session.answer : undefined, change: undefined };
    }
    const { kvs, events } = this.#evaluate(command.operation, this.revision + 1);
    const change = events.length > 0 ? { revision: this.revision + 1, events } : undefined;
    if (change !== undefined) this.#commit(change);
    const answer: Answer = { revision: this.revision, changed: change !== undefined, kvs };
    this.#sessions.set(command.client, { sequence: command.sequence, answer });
    this.hash = hashText(
      this.hash,
      `${command.client} ${command.sequence} ${answer.revision} ${this.compactedRevision} ${JSON.stringify(events)}`,
    );
    return { answer, change };
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

import {
  evaluateTxn,
  leaseNotFound,
  tombstone,
  type KeyValue,
  type Lease,
  type RevisionEvents,
  type StoreEvent,
  type Txn,
  type TxnResult,
} from '@timonel/sdk/contracts/store';
import type { LogEntry } from '../log/entry.ts';
import { packChanges, unpackChanges } from './changes.ts';
import { decodeRecord, encodeRecord, historyKey, leaseKeyOf, numberKey } from './record.ts';
import { StateFile, type StateMeta } from './state-file.ts';
import { StateReader } from './state-reader.ts';

/** What an applied command came to: a value, or an error that every member of a group comes to alike. */
export type Applied =
  | { readonly type: 'txn'; readonly result: TxnResult }
  | { readonly type: 'lease'; readonly lease: Lease }
  | { readonly type: 'done' }
  | { readonly type: 'refused'; readonly error: unknown };

/** Leases that came and went, for the timers. */
export interface LeaseChange {
  readonly granted?: Lease;
  readonly revoked?: number;
}

/** The result of one batch. `applied` has one element for each entry. */
export interface AppliedBatch {
  readonly applied: readonly Applied[];
  readonly revisions: readonly RevisionEvents[];
  readonly leases: readonly LeaseChange[];
}

/** Applies log entries to the multi-version state. The same entries give the same state on every member. */
export class StateMachine {
  readonly reader: StateReader;
  readonly #file: StateFile;
  #meta: StateMeta;

  constructor(file: StateFile) {
    this.#file = file;
    this.#meta = file.readMeta();
    this.reader = new StateReader(file, () => this.#meta);
  }

  /** As of the last batch that `apply` has resolved. */
  get meta(): StateMeta {
    return this.#meta;
  }

  leases(): Lease[] {
    const found: Lease[] = [];
    for (const { key, value } of this.#file.leases.getRange({ transaction: this.#file.read })) {
      found.push({ id: key.readUIntBE(0, 6), ttlMs: value.readDoubleBE(0) });
    }
    return found;
  }

  /** Applies entries in one transaction together with the applied index. One call at a time. */
  async apply(entries: readonly LogEntry[]): Promise<AppliedBatch> {
    let batch: Batch | undefined;
    await this.#file.write(() => {
      batch = new Batch(this.#file, this.#meta);
      for (const entry of entries) batch.run(entry);
      this.#file.writeMeta(batch.meta);
    });
    if (batch === undefined) throw new Error('the transaction did not run');
    this.#meta = batch.meta;
    return batch;
  }

  /** True while compacted history is still in the file. */
  get hasGarbage(): boolean {
    return this.#meta.collectedRevision < this.#meta.compactedRevision;
  }

  /** Removes some compacted history: at most about `limit` former versions. One call at a time, none beside `apply`. */
  async collect(limit: number): Promise<void> {
    let meta = this.#meta;
    await this.#file.write(() => {
      const range = { start: numberKey(meta.collectedRevision), end: numberKey(meta.compactedRevision) };
      let removed = 0;
      let collectedRevision = meta.compactedRevision;
      // Read first, since the cursor must not meet the removals.
      const changes = Array.from(this.#file.changes.getRange({ ...range, limit }));
      for (const { key, value } of changes) {
        const revision = key.readUIntBE(0, 6);
        if (removed >= limit) {
          collectedRevision = revision;
          break;
        }
        for (const change of unpackChanges(value)) {
          this.#file.history.removeSync(historyKey(change.key, revision));
          removed++;
        }
        this.#file.changes.removeSync(key);
        if (removed >= limit) collectedRevision = revision + 1;
      }
      meta = { ...meta, collectedRevision: Math.min(collectedRevision, meta.compactedRevision) };
      this.#file.writeMeta(meta);
    });
    this.#meta = meta;
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** One transaction's worth of entries. Lives inside of `StateFile.write`. */
class Batch implements AppliedBatch {
  readonly applied: Applied[] = [];
  readonly revisions: RevisionEvents[] = [];
  readonly leases: LeaseChange[] = [];
  readonly meta: Writable<StateMeta>;
  readonly #file: StateFile;

  constructor(file: StateFile, meta: StateMeta) {
    this.#file = file;
    this.meta = { ...meta };
  }

  run(entry: LogEntry): void {
    this.meta.appliedIndex = entry.index;
    this.meta.appliedTerm = entry.term;
    const { command } = entry;
    if (command.type === 'txn') this.applied.push(this.#txn(command.txn));
    else if (command.type === 'grantLease') this.applied.push(this.#grant(command.ttlMs));
    else if (command.type === 'revokeLease') this.applied.push(this.#revoke(command.leaseId));
    else {
      if (command.type === 'compact') {
        const target = Math.min(command.revision, this.meta.revision);
        this.meta.compactedRevision = Math.max(this.meta.compactedRevision, target);
      }
      this.applied.push({ type: 'done' });
    }
  }

  #txn(txn: Txn): Applied {
    try {
      const outcome = evaluateTxn(
        { get: (key) => this.#get(key), hasLease: (id) => this.#file.leases.doesExist(numberKey(id)) },
        txn,
        this.meta.revision + 1,
      );
      this.#commit(outcome.events);
      const { succeeded, results } = outcome;
      return { type: 'txn', result: { succeeded, revision: this.meta.revision, results } };
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'LEASE_NOT_FOUND') throw error;
      return { type: 'refused', error };
    }
  }

  #grant(ttlMs: number): Applied {
    const lease: Lease = { id: ++this.meta.lastLeaseId, ttlMs };
    const ttl = Buffer.allocUnsafe(8);
    ttl.writeDoubleBE(ttlMs);
    this.#file.leases.putSync(numberKey(lease.id), ttl);
    this.leases.push({ granted: lease });
    return { type: 'lease', lease };
  }

  #revoke(leaseId: number): Applied {
    if (!this.#file.leases.doesExist(numberKey(leaseId))) return { type: 'refused', error: leaseNotFound(leaseId) };
    const events: StoreEvent[] = [];
    const range = { start: numberKey(leaseId), end: numberKey(leaseId + 1) };
    const hanging = Array.from(this.#file.leaseKeys.getKeys(range));
    for (const bytes of hanging) {
      const key = bytes.toString('utf8', 6);
      events.push({ type: 'delete', kv: tombstone(key, this.meta.revision + 1), prevKv: this.#get(key) });
    }
    this.#file.leases.removeSync(numberKey(leaseId));
    this.#commit(events);
    this.leases.push({ revoked: leaseId });
    return { type: 'done' };
  }

  #get(key: string): KeyValue | undefined {
    const bytes = this.#file.current.get(Buffer.from(key, 'utf8'));
    return bytes === undefined ? undefined : decodeRecord(key, bytes);
  }

  #commit(events: readonly StoreEvent[]): void {
    if (events.length === 0) return;
    const revision = ++this.meta.revision;
    for (const { type, kv, prevKv } of events) {
      const key = Buffer.from(kv.key, 'utf8');
      if (type === 'put') this.#file.current.putSync(key, encodeRecord(kv));
      else this.#file.current.removeSync(key);
      if (prevKv !== undefined) this.#file.history.putSync(historyKey(kv.key, revision), encodeRecord(prevKv));
      const from = prevKv?.lease ?? 0;
      const to = type === 'put' ? kv.lease : 0;
      if (from === to) continue;
      if (from !== 0) this.#file.leaseKeys.removeSync(leaseKeyOf(from, kv.key));
      if (to !== 0) this.#file.leaseKeys.putSync(leaseKeyOf(to, kv.key), noBytes);
    }
    this.#file.changes.putSync(numberKey(revision), packChanges(events));
    this.revisions.push({ revision, events });
  }
}

const noBytes: Buffer = Buffer.alloc(1);

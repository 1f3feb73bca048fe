import type { Env } from '@timonel/sdk';
import {
  checkKey,
  checkRange,
  checkTtl,
  checkTxn,
  CompactionSchedule,
  defaultCompactionPolicy,
  encodeSnapshot,
  evaluateTxn,
  leaseNotFound,
  LeaseTimers,
  StoreError,
  tombstone,
  WatchHub,
  type CompactionPolicy,
  type GetResult,
  type Lease,
  type RangeOptions,
  type RangeResult,
  type ReadOptions,
  type Store,
  type StoreEvent,
  type StoreStatus,
  type StoreWatch,
  type Txn,
  type TxnResult,
  type WatchLimits,
  type WatchOptions,
} from '@timonel/sdk/contracts/store';
import { MemoryMvcc } from './mvcc.ts';

/** Everything optional; the defaults are those of the sdk. */
export interface MemoryStoreOptions {
  readonly compaction?: CompactionPolicy;
  readonly watch?: Partial<WatchLimits>;
}

/** The store without a disk: what was written ends with the process. */
export class MemoryStore implements Store {
  readonly #mvcc = new MemoryMvcc();
  readonly #hub: WatchHub;
  readonly #leases: LeaseTimers;
  readonly #compaction: CompactionSchedule;
  #nextLeaseId = 1;
  #index = 0;
  #stopped = false;

  constructor(env: Env, options: MemoryStoreOptions = {}) {
    this.#hub = new WatchHub(this.#mvcc, env, options.watch);
    this.#leases = new LeaseTimers(env, (id) => this.#endLease(id));
    this.#compaction = new CompactionSchedule(
      env,
      options.compaction ?? defaultCompactionPolicy,
      () => this.#mvcc.revision(),
      (revision) => this.#mvcc.compact(revision),
    );
  }

  async get(key: string, options: ReadOptions = {}): Promise<GetResult> {
    this.#checkRunning();
    checkKey(key);
    return { kv: this.#mvcc.get(key, options.revision || undefined), revision: this.#mvcc.revision() };
  }

  async range(options: RangeOptions): Promise<RangeResult> {
    this.#checkRunning();
    checkRange(options);
    return this.#mvcc.range(options);
  }

  async txn(txn: Txn): Promise<TxnResult> {
    this.#checkRunning();
    checkTxn(txn);
    const { succeeded, results, events } = evaluateTxn(
      { get: (key) => this.#mvcc.get(key), hasLease: (id) => this.#leases.has(id) },
      txn,
      this.#mvcc.revision() + 1,
    );
    this.#index++;
    this.#commit(events);
    return { succeeded, revision: this.#mvcc.revision(), results };
  }

  watch(options: WatchOptions): StoreWatch {
    return this.#hub.watch(options);
  }

  async compact(revision: number): Promise<void> {
    this.#checkRunning();
    this.#mvcc.compact(revision);
  }

  async barrier(): Promise<number> {
    this.#checkRunning();
    return this.#mvcc.revision();
  }

  async grantLease(ttlMs: number): Promise<Lease> {
    this.#checkRunning();
    checkTtl(ttlMs);
    const lease: Lease = { id: this.#nextLeaseId++, ttlMs };
    this.#leases.add(lease);
    return lease;
  }

  async keepAlive(leaseId: number): Promise<Lease> {
    this.#checkRunning();
    return this.#leases.keepAlive(leaseId);
  }

  async revokeLease(leaseId: number): Promise<void> {
    this.#checkRunning();
    if (!this.#leases.has(leaseId)) throw leaseNotFound(leaseId);
    this.#endLease(leaseId);
  }

  async status(): Promise<StoreStatus> {
    this.#checkRunning();
    return {
      implementation: 'store-memory',
      revision: this.#mvcc.revision(),
      compactedRevision: this.#mvcc.compactedRevision(),
      memberId: 'memory',
      leaderId: 'memory',
      term: 1,
      appliedIndex: this.#index,
      members: [{ id: 'memory', name: 'memory', peerUrls: [], learner: false }],
      sizeBytes: 0,
    };
  }

  async *snapshot(): AsyncIterable<Uint8Array> {
    this.#checkRunning();
    // Taken in one turn, so that it is consistent; values are immutable and shared.
    const { kvs, revision } = this.#mvcc.range({ prefix: '' });
    yield* encodeSnapshot({ revision, leases: this.#leases.all(), kvs });
  }

  /** Ends all watches and timers. Later calls fail with STOPPED. */
  close(): void {
    this.#stopped = true;
    this.#compaction.close();
    this.#leases.close();
    this.#hub.close();
  }

  #commit(events: readonly StoreEvent[]): void {
    if (events.length > 0) this.#hub.publish(this.#mvcc.commit(events));
  }

  #endLease(leaseId: number): void {
    const revision = this.#mvcc.revision() + 1;
    const events: StoreEvent[] = [];
    for (const key of this.#mvcc.keysOfLease(leaseId)) {
      events.push({ type: 'delete', kv: tombstone(key, revision), prevKv: this.#mvcc.get(key) });
    }
    this.#leases.remove(leaseId);
    this.#index++;
    this.#commit(events);
  }

  #checkRunning(): void {
    if (this.#stopped) throw new StoreError('STOPPED', 'the store has been stopped');
  }
}

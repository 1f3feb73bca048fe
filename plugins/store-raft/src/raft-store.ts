import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import {
  checkKey,
  checkRange,
  checkRevision,
  checkTtl,
  checkTxn,
  CompactionSchedule,
  encodeSnapshot,
  leaseNotFound,
  LeaseTimers,
  StoreError,
  WatchHub,
  type GetResult,
  type Lease,
  type RangeOptions,
  type RangeResult,
  type ReadOptions,
  type Store,
  type StoreStatus,
  type StoreWatch,
  type Txn,
  type TxnResult,
  type WatchOptions,
} from '@timonel/sdk/contracts/store';
import type { Command } from './command.ts';
import type { RaftStoreConfig } from './config.ts';
import { Member } from './member.ts';
import { historyKey, historyKeyLimitBytes } from './state/record.ts';

export interface RaftStoreOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly dataDir: string;
  readonly config: RaftStoreConfig;
  /** Told once when the store cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

/** The replicated store. For now a group of one: every durable entry is committed. */
export class RaftStore implements Store {
  readonly #env: Env;
  readonly #member: Member;
  readonly #hub: WatchHub;
  readonly #leases: LeaseTimers;
  readonly #compaction: CompactionSchedule;
  #closing: Promise<void> | undefined;

  /** Opens the data, applies what the log has beyond the state, begins a term. @throws StoreError CORRUPT, UNAVAILABLE */
  static async open(options: RaftStoreOptions): Promise<RaftStore> {
    const member = await Member.open(options);
    return new RaftStore(options, member);
  }

  private constructor({ env, log, config }: RaftStoreOptions, member: Member) {
    this.#env = env;
    this.#member = member;
    this.#hub = new WatchHub(member.history, env);
    this.#leases = new LeaseTimers(env, (id) => this.#expire(id));
    for (const lease of member.machine.leases()) this.#leases.add(lease);
    member.onApplied((batch) => {
      for (const { granted, revoked } of batch.leases) {
        if (granted !== undefined) this.#leases.add(granted);
        if (revoked !== undefined) this.#leases.remove(revoked);
      }
      for (const revision of batch.revisions) this.#hub.publish(revision);
    });
    this.#compaction = new CompactionSchedule(
      env,
      config.compaction,
      () => member.machine.meta.revision,
      (revision) => {
        if (revision <= member.machine.meta.compactedRevision) return;
        this.compact(revision).catch((error: unknown) => {
          log.warn({ revision, error: errorMessage(error) }, 'the automatic compaction failed');
        });
      },
    );
  }

  async get(key: string, options: ReadOptions = {}): Promise<GetResult> {
    this.#checkRunning();
    checkKey(key);
    const { machine } = this.#member;
    return { kv: machine.reader.get(key, options.revision), revision: machine.meta.revision };
  }

  async range(options: RangeOptions): Promise<RangeResult> {
    this.#checkRunning();
    checkRange(options);
    return this.#member.machine.reader.range(options);
  }

  async txn(txn: Txn): Promise<TxnResult> {
    this.#checkRunning();
    checkTxn(txn);
    checkHistoryKeys(txn);
    const applied = await this.#member.propose({ type: 'txn', txn }, sizeOf(txn));
    if (applied.type !== 'txn') throw new Error(`a txn came to ${applied.type}`);
    return applied.result;
  }

  watch(options: WatchOptions): StoreWatch {
    return this.#hub.watch(options);
  }

  async compact(revision: number): Promise<void> {
    this.#checkRunning();
    checkRevision(revision, this.#member.machine.meta.revision, 0);
    await this.#propose({ type: 'compact', revision });
  }

  async barrier(): Promise<number> {
    this.#checkRunning();
    return this.#member.machine.meta.revision;
  }

  async grantLease(ttlMs: number): Promise<Lease> {
    this.#checkRunning();
    checkTtl(ttlMs);
    const applied = await this.#propose({ type: 'grantLease', ttlMs });
    if (applied.type !== 'lease') throw new Error(`the grant of a lease came to ${applied.type}`);
    return applied.lease;
  }

  async keepAlive(leaseId: number): Promise<Lease> {
    this.#checkRunning();
    return this.#leases.keepAlive(leaseId);
  }

  async revokeLease(leaseId: number): Promise<void> {
    this.#checkRunning();
    if (!this.#leases.has(leaseId)) throw leaseNotFound(leaseId);
    await this.#propose({ type: 'revokeLease', leaseId });
  }

  async status(): Promise<StoreStatus> {
    this.#checkRunning();
    const { machine, log } = this.#member;
    const { memberId, term } = log.hardState;
    return {
      implementation: 'store-raft',
      revision: machine.meta.revision,
      compactedRevision: machine.meta.compactedRevision,
      memberId,
      leaderId: memberId,
      term,
      appliedIndex: machine.meta.appliedIndex,
      members: [{ id: memberId, name: memberId, peerUrls: [], learner: false }],
      sizeBytes: this.#member.sizeBytes(),
    };
  }

  async *snapshot(): AsyncIterable<Uint8Array> {
    this.#checkRunning();
    const { machine } = this.#member;
    const read = this.#member.openRead();
    try {
      const { revision } = machine.meta;
      yield* encodeSnapshot({ revision, leases: machine.leases(), kvs: machine.reader.all(read) });
    } finally {
      read.done();
    }
  }

  /** Answers what is under way, ends watches, closes the files. Later calls fail with STOPPED. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#compaction.close();
    this.#leases.close();
    await this.#member.close();
    this.#hub.close();
  }

  async #propose(command: Command): ReturnType<Member['propose']> {
    return this.#member.propose(command, 100);
  }

  #expire(leaseId: number): void {
    this.#propose({ type: 'revokeLease', leaseId }).catch(() => {
      // Full disk or the like: the lease must not live on.
      if (this.#closing === undefined)
        this.#env.timers.after(1_000, () => this.#leases.has(leaseId) && this.#expire(leaseId));
    });
  }

  #checkRunning(): void {
    if (this.#closing !== undefined) throw stopped();
  }
}

export function stopped(): StoreError {
  return new StoreError('STOPPED', 'the store has been stopped');
}

function sizeOf(txn: Txn): number {
  let bytes = 100;
  for (const operation of txn.success) bytes += operation.op === 'put' ? operation.value.byteLength + 100 : 100;
  return bytes;
}

// Only a key with hundreds of U+0000 grows so long.
function checkHistoryKeys(txn: Txn): void {
  for (const { key } of [...txn.success, ...(txn.failure ?? [])]) {
    if (key.includes('\u0000') && historyKey(key, 0).byteLength > historyKeyLimitBytes) {
      throw new StoreError(
        'TOO_LARGE',
        'the key has too many U+0000: store-raft needs 5 bytes for each, 4018 for a key',
      );
    }
  }
}

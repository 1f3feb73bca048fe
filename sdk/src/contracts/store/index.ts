/**
 * The store: a multi-version key-value space with one global revision, as etcd has it (etcd API v3, "Key-Value store").
 * Implementations: `store-memory`, `store-raft`. All pass `storeContract` of the testkit.
 *
 * Rules that every implementation keeps:
 * - The revision starts at 1 (empty store) and grows by exactly 1 with every txn that changes something; all changes of one
 *   txn share its revision. A txn that changes nothing keeps it.
 * - A resolved write is durable (as far as the implementation promises durability at all) and visible to every later read.
 * - Values are opaque and immutable: neither side may change the bytes after handing them over.
 * - Keys sort by their UTF-8 bytes.
 */
import { defineService, type ServiceToken } from '../../kernel/index.ts';

/** A key at one revision. */
export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  /** Revision at which the key was created (since its last deletion). */
  readonly createRevision: number;
  /** Revision of the last change. */
  readonly modRevision: number;
  /** 1 at creation, plus 1 with each change. */
  readonly version: number;
  /** Id of the lease the key hangs on; 0 for none. */
  readonly lease: number;
}

export interface GetResult {
  readonly kv: KeyValue | undefined;
  /** The store's revision when it was read. */
  readonly revision: number;
}

export interface ReadOptions {
  /** Read as of this revision; 0 or absent: now. @throws StoreError COMPACTED, FUTURE_REVISION */
  readonly revision?: number;
  /** Allow an answer from this member alone, which may be stale. Default false: linearizable. */
  readonly serializable?: boolean;
}

export interface RangeOptions extends ReadOptions {
  /** All keys that begin with it. `''` means every key. */
  readonly prefix: string;
  /** Begin at this key (inclusive; it must have the prefix): where a former page stopped. */
  readonly startKey?: string;
  /** At most this many keys; 0 or absent: all. */
  readonly limit?: number;
  /** Leave the values out (empty arrays). */
  readonly keysOnly?: boolean;
}

export interface RangeResult {
  readonly kvs: readonly KeyValue[];
  /** True when the limit cut the answer. */
  readonly more: boolean;
  /** Number of keys in the whole range (from startKey on) at that revision. */
  readonly count: number;
  readonly revision: number;
}

/** One condition of a txn. `modRevision: 0` means "does not exist". */
export type Compare =
  | { readonly key: string; readonly modRevision: number }
  | { readonly key: string; readonly createRevision: number }
  | { readonly key: string; readonly version: number };

export type Operation =
  | { readonly op: 'put'; readonly key: string; readonly value: Uint8Array; readonly lease?: number }
  | { readonly op: 'delete'; readonly key: string }
  | { readonly op: 'get'; readonly key: string };

export interface Txn {
  /** All must hold for `success` to run. Empty: always. */
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
  readonly failure?: readonly Operation[];
}

export type OperationResult =
  | { readonly op: 'put' }
  | { readonly op: 'delete'; readonly deleted: KeyValue | undefined }
  | { readonly op: 'get'; readonly kv: KeyValue | undefined };

export interface TxnResult {
  readonly succeeded: boolean;
  /** The store's revision after the txn. A put's modRevision is this one. */
  readonly revision: number;
  /** One for each operation of the branch that ran. */
  readonly results: readonly OperationResult[];
}

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  /** After the change; for a deletion the key with an empty value and the revision of the deletion as modRevision. */
  readonly kv: KeyValue;
  /** Before the change. Undefined for a creation. */
  readonly prevKv: KeyValue | undefined;
}

/** All watched events of one revision or of several whole revisions, in order. A revision is never split. */
export interface WatchBatch {
  readonly events: readonly StoreEvent[];
  /** Everything up to this revision has been delivered. A batch without events is a bookmark. */
  readonly revision: number;
}

export interface WatchOptions {
  readonly prefix: string;
  /** The first revision wanted; 0: from now on (current revision + 1). */
  readonly fromRevision: number;
}

/**
 * A running watch. Iterate it once. Ends without error after `close()`; throws StoreError COMPACTED when `fromRevision` is
 * gone, SLOW_WATCHER when the consumer is too far behind (resume from the last delivered revision + 1), STOPPED.
 */
export interface StoreWatch extends AsyncIterable<WatchBatch> {
  close(): void;
  /** Asks for a bookmark soon. */
  requestProgress(): void;
}

export interface Lease {
  readonly id: number;
  /** Time to live granted, in ms. */
  readonly ttlMs: number;
}

export interface StoreMember {
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly learner: boolean;
}

export interface StoreStatus {
  readonly implementation: string;
  readonly revision: number;
  /** Oldest revision that can still be read. */
  readonly compactedRevision: number;
  readonly memberId: string;
  readonly leaderId: string | undefined;
  readonly term: number;
  readonly appliedIndex: number;
  readonly members: readonly StoreMember[];
  /** Bytes on disk (0 for memory). */
  readonly sizeBytes: number;
}

export interface Store {
  get(key: string, options?: ReadOptions): Promise<GetResult>;
  range(options: RangeOptions): Promise<RangeResult>;
  txn(txn: Txn): Promise<TxnResult>;
  /** Synchronous; errors arrive through the iteration. */
  watch(options: WatchOptions): StoreWatch;
  /** Forgets revisions before `revision` (reads at it still work). */
  compact(revision: number): Promise<void>;
  /** Resolves with the revision when everything acknowledged anywhere before the call is visible here. */
  barrier(): Promise<number>;
  grantLease(ttlMs: number): Promise<Lease>;
  keepAlive(leaseId: number): Promise<Lease>;
  /** Deletes the lease's keys with it, in one revision. */
  revokeLease(leaseId: number): Promise<void>;
  status(): Promise<StoreStatus>;
  /** Writes a consistent copy of the whole state, in chunks. */
  snapshot(): AsyncIterable<Uint8Array>;
}

/** Token of the store. `swap: 'never'` for all that keep state. */
export const store: ServiceToken<Store, 'one'> = defineService<Store>('store', {
  major: 1,
  cardinality: 'one',
  sync: ['watch', 'snapshot'],
});

export type StoreErrorCode =
  | 'COMPACTED'
  | 'FUTURE_REVISION'
  | 'SLOW_WATCHER'
  | 'STOPPED'
  | 'LEASE_NOT_FOUND'
  | 'TOO_LARGE'
  | 'NO_SPACE'
  | 'UNAVAILABLE'
  /** What an operator asked for cannot be done now: the message says why. */
  | 'REFUSED'
  | 'CORRUPT';

/** Recognise it by `code`. */
export class StoreError extends Error {
  override readonly name: string = 'StoreError';
  readonly code: StoreErrorCode;
  /** With COMPACTED: the oldest revision that can be read. */
  readonly compactedRevision: number | undefined;
  /**
   * With UNAVAILABLE of a txn: it was not carried out and never will be, so that it may be tried again. False: nobody knows
   * (a time-out, a leader that changed): it may have happened, or happen yet.
   */
  readonly notApplied: boolean;

  constructor(
    code: StoreErrorCode,
    message: string,
    options: { compactedRevision?: number; notApplied?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.compactedRevision = options.compactedRevision;
    this.notApplied = options.notApplied ?? false;
  }
}

/** Limits that every implementation enforces with TOO_LARGE. */
export const storeLimits: {
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly txnOperations: number;
} = {
  /** Longest key, bytes of UTF-8. */
  keyBytes: 2048,
  /** Largest value. */
  valueBytes: 3 * 1024 * 1024,
  /** Most operations in one txn (all three lists together). */
  txnOperations: 512,
};

export * from './admin.ts';
export * from './apply-txn.ts';
export * from './compaction-schedule.ts';
export * from './key-order.ts';
export * from './lease-timers.ts';
export * from './limits.ts';
export * from './snapshot-format.ts';
export * from './snapshot-reader.ts';
export * from './watch-hub.ts';

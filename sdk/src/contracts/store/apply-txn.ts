import {
  StoreError,
  type Compare,
  type KeyValue,
  type Operation,
  type OperationResult,
  type StoreEvent,
  type Txn,
} from './index.ts';

/** What a txn needs to see of the state that it is applied to. */
export interface TxnView {
  /** The key now. */
  get(key: string): KeyValue | undefined;
  hasLease(leaseId: number): boolean;
}

/** What a txn does. Nothing is changed yet: the caller writes `events` at `revision` when there are any. */
export interface TxnOutcome {
  readonly succeeded: boolean;
  readonly results: readonly OperationResult[];
  /** One for each changed key, in order of first change. Empty: the revision stays. */
  readonly events: readonly StoreEvent[];
}

type Put = Extract<Operation, { readonly op: 'put' }>;

interface Change {
  readonly before: KeyValue | undefined;
  after: KeyValue | undefined;
}

/**
 * Evaluates a txn against a state; deterministic, so that every member of a group comes to the same outcome. Operations
 * run in order and see what earlier ones did. Several changes of one key count as one.
 * @param revision the revision that the changes would get
 * @throws StoreError LEASE_NOT_FOUND
 */
export function evaluateTxn(view: TxnView, txn: Txn, revision: number): TxnOutcome {
  const succeeded = txn.compare.every((compare) => holds(view.get(compare.key), compare));
  const operations = succeeded ? txn.success : (txn.failure ?? []);
  const [only] = operations;
  // Most txns: nothing that an earlier operation did has to be seen.
  if (only?.op === 'put' && operations.length === 1) {
    const event = putAlone(view, only, revision);
    return { succeeded, results: [{ op: 'put' }], events: [event] };
  }
  const changes = new Map<string, Change>();
  const results: OperationResult[] = [];
  for (const operation of operations) {
    results.push(run(view, changes, operation, revision));
  }
  return { succeeded, results, events: eventsOf(changes, revision) };
}

function holds(kv: KeyValue | undefined, compare: Compare): boolean {
  if ('modRevision' in compare) return (kv?.modRevision ?? 0) === compare.modRevision;
  if ('createRevision' in compare) return (kv?.createRevision ?? 0) === compare.createRevision;
  return (kv?.version ?? 0) === compare.version;
}

function run(view: TxnView, changes: Map<string, Change>, operation: Operation, revision: number): OperationResult {
  const { key } = operation;
  const change = changes.get(key);
  const current = change === undefined ? view.get(key) : change.after;
  if (operation.op === 'get') return { op: 'get', kv: current };
  const before = change === undefined ? current : change.before;
  if (operation.op === 'delete') {
    if (current !== undefined) changes.set(key, { before, after: undefined });
    return { op: 'delete', deleted: current };
  }
  const lease = leaseOf(view, operation);
  changes.set(key, { before, after: changed(current, operation.key, operation.value, lease, revision) });
  return { op: 'put' };
}

function putAlone(view: TxnView, operation: Put, revision: number): StoreEvent {
  const prevKv = view.get(operation.key);
  const lease = leaseOf(view, operation);
  return { type: 'put', kv: changed(prevKv, operation.key, operation.value, lease, revision), prevKv };
}

function leaseOf(view: TxnView, operation: Put): number {
  const lease = operation.lease ?? 0;
  if (lease !== 0 && !view.hasLease(lease)) {
    throw new StoreError('LEASE_NOT_FOUND', `there is no lease ${lease}: it expired, was revoked or never existed`);
  }
  return lease;
}

function changed(
  current: KeyValue | undefined,
  key: string,
  value: Uint8Array,
  lease: number,
  revision: number,
): KeyValue {
  if (current === undefined) {
    return { key, value, createRevision: revision, modRevision: revision, version: 1, lease };
  }
  const version = current.modRevision === revision ? current.version : current.version + 1;
  return { key, value, createRevision: current.createRevision, modRevision: revision, version, lease };
}

const noBytes: Uint8Array = new Uint8Array(0);

function eventsOf(changes: ReadonlyMap<string, Change>, revision: number): StoreEvent[] {
  const events: StoreEvent[] = [];
  for (const [key, { before, after }] of changes) {
    if (after !== undefined) events.push({ type: 'put', kv: after, prevKv: before });
    else if (before !== undefined) events.push(deletion(before, key, revision));
  }
  return events;
}

function deletion(before: KeyValue, key: string, revision: number): StoreEvent {
  return { type: 'delete', kv: tombstone(key, revision), prevKv: before };
}

/** The `kv` of a deletion. */
export function tombstone(key: string, revision: number): KeyValue {
  return { key, value: noBytes, createRevision: 0, modRevision: revision, version: 0, lease: 0 };
}

/**
 * etcd takes at most one change of a key in a txn; the contract allows several, which count as one. Here they become one:
 * the last. What the operations between answer follows from the key as it was before, which is read along.
 */
import {
  evaluateTxn,
  type Compare,
  type KeyValue,
  type Operation,
  type OperationResult,
  type Txn,
} from '@timonel/sdk/contracts/store';
import type { KeySpace } from './key-space.ts';
import { encodeTxn, type EtcdCompare, type EtcdKeyValue, type EtcdOperation } from './wire/messages.ts';

/** One branch as etcd gets it. */
interface BranchPlan {
  readonly operations: readonly EtcdOperation[];
  /** Undefined: etcd's answers are those of the operations, one by one. */
  readonly keysReadFirst: readonly string[] | undefined;
}

export interface TxnPlan {
  readonly request: Buffer;
  results(succeeded: boolean, kvs: readonly (EtcdKeyValue | undefined)[], revision: number): OperationResult[];
}

/** @throws TypeError for a key that is deleted and put again */
export function planTxn(txn: Txn, keys: KeySpace): TxnPlan {
  const success = planBranch(txn.success, keys);
  const failure = planBranch(txn.failure ?? [], keys);
  return {
    request: encodeTxn(
      txn.compare.map((compare) => toEtcdCompare(compare, keys)),
      success.operations,
      failure.operations,
    ),
    results: (succeeded, kvs, revision) => {
      const operations = succeeded ? txn.success : (txn.failure ?? []);
      const { keysReadFirst } = succeeded ? success : failure;
      const found = kvs.map((kv) => (kv === undefined ? undefined : keys.toKeyValue(kv)));
      return keysReadFirst === undefined
        ? operations.map((operation, at) => toResult(operation, found[at]))
        : derive(operations, new Map(keysReadFirst.map((key, at) => [key, found[at]])), revision);
    },
  };
}

function toEtcdCompare(compare: Compare, keys: KeySpace): EtcdCompare {
  const key = keys.toEtcd(compare.key);
  if ('modRevision' in compare) return { key, target: 'modRevision', value: compare.modRevision };
  if ('createRevision' in compare) return { key, target: 'createRevision', value: compare.createRevision };
  return { key, target: 'version', value: compare.version };
}

function planBranch(operations: readonly Operation[], keys: KeySpace): BranchPlan {
  const lastChanges = new Map<string, Operation>();
  let changes = 0;
  for (const operation of operations) {
    if (operation.op === 'get') continue;
    if (operation.op === 'put' && lastChanges.get(operation.key)?.op === 'delete') throw recreation(operation.key);
    lastChanges.set(operation.key, operation);
    changes++;
  }
  if (changes === lastChanges.size) {
    return { operations: operations.map((operation) => toEtcd(operation, keys)), keysReadFirst: undefined };
  }
  const keysReadFirst = [...new Set(operations.map((operation) => operation.key))];
  const reads = keysReadFirst.map((key): EtcdOperation => ({ op: 'get', key: keys.toEtcd(key) }));
  const writes = Array.from(lastChanges.values(), (operation) => toEtcd(operation, keys));
  return { operations: [...reads, ...writes], keysReadFirst };
}

// Two txns would be two revisions, and a put alone would keep the former creation: better none than either.
function recreation(key: string): TypeError {
  return new TypeError(`etcd cannot delete and put ${JSON.stringify(key)} in one txn: put it without the deletion`);
}

function toEtcd(operation: Operation, keys: KeySpace): EtcdOperation {
  const key = keys.toEtcd(operation.key);
  if (operation.op !== 'put') return { op: operation.op, key };
  return { op: 'put', key, value: operation.value, lease: operation.lease ?? 0 };
}

function toResult(operation: Operation, kv: KeyValue | undefined): OperationResult {
  if (operation.op === 'get') return { op: 'get', kv };
  return operation.op === 'delete' ? { op: 'delete', deleted: kv } : { op: 'put' };
}

/** The answers of the operations, worked out from the keys as they were before the txn. */
function derive(
  operations: readonly Operation[],
  before: ReadonlyMap<string, KeyValue | undefined>,
  revision: number,
): OperationResult[] {
  const view = { get: (key: string) => before.get(key), hasLease: () => true };
  return [...evaluateTxn(view, { compare: [], success: operations }, revision).results];
}

import { StoreError, storeLimits, type Operation, type RangeOptions, type Txn } from './index.ts';
import { utf8Length } from './key-order.ts';

/**
 * Refuses a txn that breaks {@link storeLimits}, before anything is done.
 * @throws StoreError TOO_LARGE; TypeError for an empty key or one with a lone surrogate
 */
export function checkTxn(txn: Txn): void {
  const failure = txn.failure ?? [];
  const operations = txn.compare.length + txn.success.length + failure.length;
  if (operations > storeLimits.txnOperations) {
    throw new StoreError(
      'TOO_LARGE',
      `the txn has ${operations} operations, at most ${storeLimits.txnOperations} are allowed: split it`,
    );
  }
  for (const compare of txn.compare) checkKey(compare.key);
  for (const operation of txn.success) checkOperation(operation);
  for (const operation of failure) checkOperation(operation);
}

function checkOperation(operation: Operation): void {
  checkKey(operation.key);
  if (operation.op === 'put' && operation.value.byteLength > storeLimits.valueBytes) {
    throw new StoreError(
      'TOO_LARGE',
      `the value of ${operation.key} has ${operation.value.byteLength} bytes, at most ${storeLimits.valueBytes} are allowed`,
    );
  }
}

/** @throws StoreError TOO_LARGE; TypeError for an empty key or one with a lone surrogate */
export function checkKey(key: string): void {
  if (key === '') throw new TypeError('a key must not be empty');
  checkPrefix(key);
}

/** Refuses a range whose bounds make no sense. @throws StoreError TOO_LARGE; TypeError */
export function checkRange(options: RangeOptions): void {
  checkPrefix(options.prefix);
  if (options.startKey === undefined) return;
  checkPrefix(options.startKey);
  if (!options.startKey.startsWith(options.prefix)) {
    throw new TypeError(`the start key ${options.startKey} does not begin with the prefix ${options.prefix}`);
  }
}

function checkPrefix(key: string): void {
  if (key.length * 3 > storeLimits.keyBytes && utf8Length(key) > storeLimits.keyBytes) {
    throw new StoreError(
      'TOO_LARGE',
      `the key ${key.slice(0, 60)}… has ${utf8Length(key)} bytes, at most ${storeLimits.keyBytes} are allowed`,
    );
  }
  if (!isWellFormed(key)) throw new TypeError('a key must be well-formed Unicode: it has a lone surrogate');
}

function isWellFormed(key: string): boolean {
  for (let at = 0; at < key.length; at++) {
    const unit = key.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = key.charCodeAt(at + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false;
    at++;
  }
  return true;
}

/** Checks that a revision can be read. @throws StoreError COMPACTED, FUTURE_REVISION */
export function checkRevision(revision: number, current: number, compacted: number): void {
  if (revision > current) {
    throw new StoreError('FUTURE_REVISION', `revision ${revision} is in the future: the store is at ${current}`);
  }
  if (revision < compacted) throw compactedError(revision, compacted);
}

/** The error of a revision that is gone. */
export function compactedError(revision: number, compacted: number): StoreError {
  return new StoreError(
    'COMPACTED',
    `revision ${revision} has been compacted: the oldest that can be read is ${compacted}`,
    {
      compactedRevision: compacted,
    },
  );
}

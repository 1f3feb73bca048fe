/** The store with encryption at rest: what is written of covered keys is sealed, what is read is opened. */
import type { Logger } from '@timonel/sdk';
import { isSealed, type Sealed, type ValueEncryption } from '@timonel/sdk/contracts/encryption';
import {
  StoreError,
  type Compare,
  type KeyValue,
  type Operation,
  type OperationResult,
  type Store,
  type StoreEvent,
  type StoreWatch,
  type Txn,
  type TxnResult,
  type WatchBatch,
} from '@timonel/sdk/contracts/store';

/** What is sealed by a key that is replaced meanwhile is sealed again: more than this is a fault. */
const attemptsLimit = 10;
const noBytes = new Uint8Array();

/** What sealed values hold, by the KeyValue; an error stands for one that cannot be opened. */
type Opened = ReadonlyMap<KeyValue, Uint8Array | StoreError>;
type Open = (kvs: readonly KeyValue[]) => Promise<Opened>;
type Put = Extract<Operation, { op: 'put' }>;

export interface SealedStoreOptions {
  readonly store: Store;
  /** Undefined while nobody provides it. */
  readonly encryption: () => ValueEncryption | undefined;
  readonly log: Logger;
}

/**
 * One value that cannot be opened fails the reads of its key alone: ranges and watches go on without it, and the log says so.
 */
export function sealedStore({ store, encryption, log }: SealedStoreOptions): Store {
  const needed = (): ValueEncryption => {
    const current = encryption();
    if (current !== undefined) return current;
    throw new StoreError(
      'UNAVAILABLE',
      'the store holds encrypted values, and no plugin opens them now: enable the one that encrypted them (encryption-aesgcm)',
    );
  };
  const open: Open = async (kvs) => {
    const sealed = kvs.filter(({ value }) => isSealed(value));
    if (sealed.length === 0) return new Map();
    const values = await needed().open(sealed);
    return new Map(sealed.map((kv, index) => [kv, values[index] ?? kv.value]));
  };
  const left = (error: StoreError): void =>
    log.error({ error: error.message }, 'an encrypted value cannot be read: its object is left out');
  const isCovered = (operation: Operation): operation is Put =>
    operation.op === 'put' && (encryption()?.covers(operation.key) ?? false);

  return {
    async get(key, options) {
      const result = await store.get(key, options);
      if (result.kv === undefined || !isSealed(result.kv.value)) return result;
      const opened = await open([result.kv]);
      return { ...result, kv: withOpened(result.kv, opened) };
    },
    async range(options) {
      const page = await store.range(options);
      const opened = await open(page.kvs);
      if (opened.size === 0) return page;
      const kvs = page.kvs.flatMap((kv) => whenOpened(kv, opened, left) ?? []);
      // Who reads page after page takes an empty one for the end.
      if (kvs.length === 0 && page.more) throw new StoreError('CORRUPT', 'none of many encrypted values can be read');
      return { ...page, kvs };
    },
    async txn(txn) {
      if (!txn.success.some(isCovered)) return withOpenedResults(await store.txn(txn), open);
      const others = txn.failure ?? [];
      // It runs also when the key was replaced, and then again.
      if (others.some(({ op }) => op !== 'get')) throw new Error('a txn that seals writes nothing when it fails');
      for (let attempt = 0; attempt < attemptsLimit; attempt += 1) {
        const { sealed, guards } = await seal(needed(), txn, isCovered);
        const result = await store.txn(sealed);
        if (result.succeeded || (await areCurrent(needed(), guards))) return withOpenedResults(result, open);
      }
      throw new StoreError('UNAVAILABLE', 'the encryption key was replaced again and again', { notApplied: true });
    },
    watch: (options) => openedWatch(store.watch(options), (batch) => openedBatch(batch, open, left)),
    compact: (revision) => store.compact(revision),
    barrier: () => store.barrier(),
    grantLease: (ttlMs) => store.grantLease(ttlMs),
    keepAlive: (leaseId) => store.keepAlive(leaseId),
    revokeLease: (leaseId) => store.revokeLease(leaseId),
    status: () => store.status(),
    snapshot: () => store.snapshot(),
  };
}

/** @throws StoreError CORRUPT */
function withOpened(kv: KeyValue, opened: Opened): KeyValue {
  const value = opened.get(kv);
  if (value === undefined) return kv;
  if (!(value instanceof Uint8Array)) throw value;
  return { ...kv, value };
}

/** Undefined: it cannot be opened. */
function whenOpened(kv: KeyValue, opened: Opened, left: (error: StoreError) => void): KeyValue | undefined {
  const value = opened.get(kv);
  if (value === undefined) return kv;
  if (value instanceof Uint8Array) return { ...kv, value };
  left(value);
  return undefined;
}

async function seal(
  encryption: ValueEncryption,
  txn: Txn,
  isCovered: (operation: Operation) => operation is Put,
): Promise<{ readonly sealed: Txn; readonly guards: readonly Compare[] }> {
  const made = new Map<Operation, Sealed>();
  for (const operation of txn.success) if (isCovered(operation)) made.set(operation, await encryption.seal(operation));
  const guards = [...made.values()].map(({ guard }) => guard);
  const success = txn.success.map((operation) => {
    const value = made.get(operation)?.value;
    return value === undefined ? operation : { ...operation, value };
  });
  return { sealed: { ...txn, compare: [...txn.compare, ...guards], success }, guards };
}

async function areCurrent(encryption: ValueEncryption, guards: readonly Compare[]): Promise<boolean> {
  for (const guard of guards) if (!(await encryption.isCurrent(guard))) return false;
  return true;
}

async function withOpenedResults(result: TxnResult, open: Open): Promise<TxnResult> {
  const kvs = result.results.flatMap((one) => kvOf(one) ?? []);
  const opened = await open(kvs);
  if (opened.size === 0) return result;
  const results = result.results.map((one): OperationResult => {
    if (one.op === 'get' && one.kv !== undefined) return { ...one, kv: withOpened(one.kv, opened) };
    if (one.op === 'delete' && one.deleted !== undefined) return { ...one, deleted: withOpened(one.deleted, opened) };
    return one;
  });
  return { ...result, results };
}

function kvOf(result: OperationResult): KeyValue | undefined {
  if (result.op === 'get') return result.kv;
  return result.op === 'delete' ? result.deleted : undefined;
}

function openedWatch(watch: StoreWatch, opened: (batch: WatchBatch) => Promise<WatchBatch>): StoreWatch {
  return {
    close: () => watch.close(),
    requestProgress: () => watch.requestProgress(),
    async *[Symbol.asyncIterator]() {
      for await (const batch of watch) yield await opened(batch);
    },
  };
}

async function openedBatch(batch: WatchBatch, open: Open, left: (error: StoreError) => void): Promise<WatchBatch> {
  const opened = await open(batch.events.flatMap(({ kv, prevKv }) => (prevKv === undefined ? [kv] : [kv, prevKv])));
  if (opened.size === 0) return batch;
  const events = batch.events.map((event): StoreEvent => {
    const kv = whenOpened(event.kv, opened, left);
    const prevKv = event.prevKv && whenOpened(event.prevKv, opened, () => undefined);
    // For those who watch, the object is gone.
    return kv === undefined
      ? { type: 'delete', kv: { ...event.kv, value: noBytes }, prevKv }
      : { ...event, kv, prevKv };
  });
  return { ...batch, events };
}

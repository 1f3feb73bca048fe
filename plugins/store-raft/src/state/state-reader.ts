import {
  checkRevision,
  compareKeys,
  tombstone,
  type KeyValue,
  type RangeOptions,
  type RangeResult,
  type RevisionEvents,
  type StoreEvent,
} from '@timonel/sdk/contracts/store';
import type { Transaction } from 'lmdb';
import { unpackChanges } from './changes.ts';
import { decodeRecord, historyKey, modRevisionOf, numberKey, parseHistoryKey } from './record.ts';
import type { StateFile, StateMeta } from './state-file.ts';

/** Reads the state at any retained revision. */
export class StateReader {
  readonly #file: StateFile;
  readonly #meta: () => StateMeta;

  constructor(file: StateFile, meta: () => StateMeta) {
    this.#file = file;
    this.#meta = meta;
  }

  get(key: string, at = 0): KeyValue | undefined {
    const { revision, compactedRevision } = this.#meta();
    if (at !== 0) checkRevision(at, revision, compactedRevision);
    const bytes = this.#file.current.get(Buffer.from(key, 'utf8'), { transaction: this.#file.read });
    if (bytes !== undefined && (at === 0 || modRevisionOf(bytes) <= at)) return decodeRecord(key, bytes);
    return at === 0 ? undefined : this.#formerVersion(key, at);
  }

  range(options: RangeOptions): RangeResult {
    const { revision, compactedRevision } = this.#meta();
    const at = options.revision || revision;
    checkRevision(at, revision, compactedRevision);
    const limit = options.limit || Infinity;
    const kvs: KeyValue[] = [];
    const keysOnly = options.keysOnly === true;
    const start = Buffer.from(options.startKey ?? options.prefix, 'utf8');
    if (at === revision) {
      const count = this.#readCurrent(options.prefix, start, limit, keysOnly, kvs);
      return { kvs, more: count > kvs.length, count, revision };
    }
    let count = 0;
    for (const kv of this.#rangeAt(options.prefix, options.startKey ?? options.prefix, at, keysOnly)) {
      count++;
      if (kvs.length < limit) kvs.push(kv);
    }
    return { kvs, more: count > kvs.length, count, revision };
  }

  /** All keys with their versions now, read as the consumer asks for them. */
  *all(transaction: Transaction): Generator<KeyValue> {
    for (const { key, value } of this.#file.current.getRange({ transaction })) {
      yield decodeRecord(key.toString('utf8'), value);
    }
  }

  *events(from: number, to: number, prefix: string): Generator<RevisionEvents> {
    const range = { start: numberKey(from), end: numberKey(to + 1), transaction: this.#file.read };
    for (const { key, value } of this.#file.changes.getRange(range)) {
      const revision = key.readUIntBE(0, 6);
      const events: StoreEvent[] = [];
      for (const change of unpackChanges(value)) {
        if (change.key.startsWith(prefix)) events.push(this.#event(change.type, change.key, revision));
      }
      if (events.length > 0) yield { revision, events };
    }
  }

  #event(type: StoreEvent['type'], key: string, revision: number): StoreEvent {
    const former = this.#file.history.get(historyKey(key, revision), { transaction: this.#file.read });
    const prevKv = former === undefined ? undefined : decodeRecord(key, former);
    if (type === 'delete') return { type, kv: tombstone(key, revision), prevKv };
    const kv = this.get(key, revision);
    if (kv === undefined) throw new Error(`revision ${revision} of ${key} is missing in the history`);
    return { type, kv, prevKv };
  }

  /** The version that was there at `at` and has ended since. */
  #formerVersion(key: string, at: number): KeyValue | undefined {
    const range = { start: historyKey(key, at + 1), limit: 1, transaction: this.#file.read };
    for (const { key: found, value } of this.#file.history.getRange(range)) {
      const same = parseHistoryKey(found).key === key && modRevisionOf(value) <= at;
      return same ? decodeRecord(key, value) : undefined;
    }
    return undefined;
  }

  #readCurrent(prefix: string, start: Buffer, limit: number, keysOnly: boolean, into: KeyValue[]): number {
    const end = prefixEnd(Buffer.from(prefix, 'utf8'));
    const transaction = this.#file.read;
    const range = { start, transaction, ...(end === undefined ? {} : { end }) };
    const page = limit === Infinity ? range : { ...range, limit };
    for (const { key, value } of this.#file.current.getRange(page)) {
      into.push(decodeRecord(key.toString('utf8'), value, keysOnly));
    }
    return into.length < limit ? into.length : this.#file.current.getKeysCount(range);
  }

  /** Two sorted streams become one: present versions that are old enough, and former ones that were there at `at`. */
  *#rangeAt(prefix: string, startKey: string, at: number, keysOnly: boolean): Generator<KeyValue> {
    const former = this.#formerVersions(prefix, startKey, at, keysOnly);
    let next = former.next();
    for (const kv of this.#presentSince(prefix, startKey, at, keysOnly)) {
      while (next.done !== true && compareKeys(next.value.key, kv.key) < 0) {
        yield next.value;
        next = former.next();
      }
      yield kv;
    }
    for (; next.done !== true; next = former.next()) yield next.value;
  }

  *#presentSince(prefix: string, startKey: string, at: number, keysOnly: boolean): Generator<KeyValue> {
    const end = prefixEnd(Buffer.from(prefix, 'utf8'));
    const start = Buffer.from(startKey, 'utf8');
    const range = { start, transaction: this.#file.read, ...(end === undefined ? {} : { end }) };
    for (const { key, value } of this.#file.current.getRange(range)) {
      if (modRevisionOf(value) <= at) yield decodeRecord(key.toString('utf8'), value, keysOnly);
    }
  }

  /**
   * Keys that changed after `at`, as they were then. Found by the changes since, and not by a walk over the history of
   * the whole range: revisions that are asked for are mostly recent ones (later pages of a list).
   */
  *#formerVersions(prefix: string, startKey: string, at: number, keysOnly: boolean): Generator<KeyValue> {
    const changed = new Set<string>();
    const since = { start: numberKey(at + 1), transaction: this.#file.read };
    for (const { value } of this.#file.changes.getRange(since)) {
      for (const { key } of unpackChanges(value)) if (key.startsWith(prefix)) changed.add(key);
    }
    const keys = [...changed].filter((key) => compareKeys(key, startKey) >= 0);
    for (const key of keys.sort(compareKeys)) {
      const kv = this.#formerVersion(key, at);
      if (kv !== undefined) yield keysOnly ? { ...kv, value: noBytes } : kv;
    }
  }
}

const noBytes: Uint8Array = new Uint8Array(0);

/** The first key behind all that begin with `prefix`; undefined when there is none. */
function prefixEnd(prefix: Buffer): Buffer | undefined {
  if (prefix.byteLength === 0) return undefined;
  // Bytes of UTF-8 are below 0xff, so that the last one can always be raised.
  const end = Buffer.from(prefix);
  end[end.byteLength - 1] = (end[end.byteLength - 1] ?? 0) + 1;
  return end;
}

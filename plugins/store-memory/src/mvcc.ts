import {
  checkRevision,
  type KeyValue,
  type RangeOptions,
  type RangeResult,
  type RevisionEvents,
  type StoreEvent,
  type WatchHistory,
} from '@timonel/sdk/contracts/store';
import { KeyIndex, versionAt } from './key-index.ts';

const noBytes: Uint8Array = new Uint8Array(0);

/** The multi-version state: keys with their histories, and the events of every retained revision. */
export class MemoryMvcc implements WatchHistory {
  readonly #index = new KeyIndex();
  /** Keys of each lease. */
  readonly #leaseKeys = new Map<number, Set<string>>();
  #revision = 1;
  #compactedRevision = 1;
  /** Events of the revisions from `#firstEvents` on, one element each. */
  #events: RevisionEvents[] = [];
  #firstEvents = 2;

  revision(): number {
    return this.#revision;
  }

  compactedRevision(): number {
    return this.#compactedRevision;
  }

  get(key: string, revision: number = this.#revision): KeyValue | undefined {
    checkRevision(revision, this.#revision, this.#compactedRevision);
    const history = this.#index.get(key);
    return history === undefined ? undefined : versionAt(history, revision);
  }

  range(options: RangeOptions): RangeResult {
    const revision = options.revision || this.#revision;
    checkRevision(revision, this.#revision, this.#compactedRevision);
    const limit = options.limit || Infinity;
    const kvs: KeyValue[] = [];
    let count = 0;
    for (const history of this.#index.range(options.prefix, options.startKey ?? options.prefix)) {
      const kv = versionAt(history, revision);
      if (kv === undefined) continue;
      count++;
      if (kvs.length < limit) kvs.push(options.keysOnly === true ? { ...kv, value: noBytes } : kv);
    }
    return { kvs, more: count > kvs.length, count, revision: this.#revision };
  }

  /** Makes the next revision of these changes. */
  commit(events: readonly StoreEvent[]): RevisionEvents {
    const revision = this.#revision + 1;
    for (const event of events) {
      const { key } = event.kv;
      const kv = event.type === 'put' ? event.kv : undefined;
      this.#index.ensure(key).versions.push({ revision, kv });
      this.#moveLease(key, event.prevKv?.lease ?? 0, kv?.lease ?? 0);
    }
    const made: RevisionEvents = { revision, events };
    this.#events.push(made);
    this.#revision = revision;
    return made;
  }

  /** The keys that hang on a lease. */
  keysOfLease(leaseId: number): string[] {
    return [...(this.#leaseKeys.get(leaseId) ?? [])];
  }

  *readEvents(from: number, to: number, prefix: string): Generator<RevisionEvents> {
    for (let revision = Math.max(from, this.#firstEvents); revision <= to; revision++) {
      const made = this.#events[revision - this.#firstEvents];
      if (made === undefined) return;
      const events = made.events.filter((event) => event.kv.key.startsWith(prefix));
      if (events.length > 0) yield { revision, events };
    }
  }

  /** Forgets the revisions before `revision`. */
  compact(revision: number): void {
    checkRevision(revision, this.#revision, 0);
    if (revision <= this.#compactedRevision) return;
    this.#compactedRevision = revision;
    const gone = Math.max(0, revision - this.#firstEvents);
    for (const { events } of this.#events.slice(0, gone)) {
      for (const event of events) this.#trim(event.kv.key, revision);
    }
    // The deletions of the oldest revision itself leave nothing to read either.
    for (const event of this.#events[gone]?.events ?? []) this.#trim(event.kv.key, revision);
    this.#events = this.#events.slice(gone);
    this.#firstEvents += gone;
  }

  #trim(key: string, oldest: number): void {
    const history = this.#index.get(key);
    if (history === undefined) return;
    let keep = 0;
    while ((history.versions[keep + 1]?.revision ?? Infinity) <= oldest) keep++;
    history.versions = history.versions.slice(keep);
    if (history.versions.length === 1 && history.versions[0]?.kv === undefined) this.#index.delete(key);
  }

  #moveLease(key: string, from: number, to: number): void {
    if (from === to) return;
    const former = this.#leaseKeys.get(from);
    former?.delete(key);
    if (former?.size === 0) this.#leaseKeys.delete(from);
    if (to === 0) return;
    const keys = this.#leaseKeys.get(to) ?? new Set<string>();
    this.#leaseKeys.set(to, keys.add(key));
  }
}

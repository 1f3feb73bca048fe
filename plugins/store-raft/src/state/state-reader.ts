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
import type { HistoryIndex } from './history-index.ts';
import type { Overlay } from './overlay.ts';
import { prefixEnd } from './record.ts';
import type { StateFile } from './state-file.ts';

/** What the reader looks at. Functions, since all of it is replaced from time to time. */
export interface ReadableState {
  file(): StateFile;
  index(): HistoryIndex;
  /** What is not in the file yet, newest first. */
  layers(): readonly Overlay[];
  get(key: string): KeyValue | undefined;
  standing(): { readonly revision: number; readonly compactedRevision: number };
}

const noBytes: Uint8Array = new Uint8Array(0);
const withoutValue = (kv: KeyValue): KeyValue => ({ ...kv, value: noBytes });

/** All keys of lists in order, in order. */
function union(lists: readonly string[][]): readonly string[] {
  const [first = [], ...others] = lists.filter((list) => list.length > 0);
  if (others.length === 0) return first;
  return [...new Set([first, ...others].flat())].sort(compareKeys);
}

/** Reads the state at any retained revision. */
export class StateReader {
  readonly #state: ReadableState;

  constructor(state: ReadableState) {
    this.#state = state;
  }

  get(key: string, at = 0): KeyValue | undefined {
    if (at === 0) return this.#state.get(key);
    const { revision, compactedRevision } = this.#state.standing();
    checkRevision(at, revision, compactedRevision);
    return this.#versionAt(key, at);
  }

  range(options: RangeOptions): RangeResult {
    const { revision, compactedRevision } = this.#state.standing();
    const at = options.revision || revision;
    checkRevision(at, revision, compactedRevision);
    const limit = options.limit || Infinity;
    const keysOnly = options.keysOnly === true;
    const startKey = options.startKey ?? options.prefix;
    const changed = this.#replaced(options.prefix, startKey, at === revision ? undefined : at);
    const { kvs, count } = this.#merge(options.prefix, startKey, limit, keysOnly, changed);
    return { kvs, more: count > kvs.length, count, revision };
  }

  /** Every change of the revisions `from` to `to` whose key has the prefix. The changes of all of them must be kept. */
  *events(from: number, to: number, prefix: string): Generator<RevisionEvents> {
    const layers = this.#state.layers().toReversed();
    const firstInMemory = layers.find((layer) => layer.revisions.length > 0)?.revisions[0]?.revision ?? Infinity;
    if (from < firstInMemory) yield* this.#eventsOfFile(from, Math.min(to, firstInMemory - 1), prefix);
    for (const layer of layers) {
      for (const { revision, events } of layer.revisions) {
        if (revision < from || revision > to) continue;
        const wanted = events.filter((event) => event.kv.key.startsWith(prefix));
        if (wanted.length > 0) yield { revision, events: wanted };
      }
    }
  }

  *#eventsOfFile(from: number, to: number, prefix: string): Generator<RevisionEvents> {
    let revision = 0;
    let events: StoreEvent[] = [];
    for (const change of this.#state.file().changes(from, to)) {
      if (change.revision !== revision) {
        if (events.length > 0) yield { revision, events };
        revision = change.revision;
        events = [];
      }
      const { key, type, prev: prevKv } = change;
      if (!key.startsWith(prefix)) continue;
      const kv = type === 'delete' ? tombstone(key, revision) : this.#versionAt(key, revision);
      if (kv === undefined) throw new Error(`revision ${revision} of ${key} is missing in the history`);
      events.push({ type, kv, prevKv });
    }
    if (events.length > 0) yield { revision, events };
  }

  /** The version at `at`: what the next change ended, or the present one when there was none since. */
  #versionAt(key: string, at: number): KeyValue | undefined {
    const next = this.#state.index().nextChange(key, at);
    if (next === undefined) return this.#state.get(key);
    for (const layer of this.#state.layers()) {
      const event = layer.at(next)?.events.find(({ kv }) => kv.key === key);
      if (event !== undefined) return event.prevKv;
    }
    for (const change of this.#state.file().changes(next, next)) if (change.key === key) return change.prev;
    throw new Error(`revision ${next} of ${key} is missing in the history`);
  }

  /**
   * The keys whose version differs from that in the file: those changed since the last checkpoint, and, for a read of the past, those
   * that changed since. In order; undefined stands for a key that was not there.
   */
  #replaced(prefix: string, startKey: string, at: number | undefined): [string, KeyValue | undefined][] {
    const lists = this.#state.layers().map((layer) => layer.keys(prefix, startKey));
    if (at !== undefined) {
      const since = [...this.#state.index().changedAfter(at, prefix)];
      lists.push(since.filter((key) => compareKeys(key, startKey) >= 0).sort(compareKeys));
    }
    return union(lists).map((key) => [key, at === undefined ? this.#state.get(key) : this.#versionAt(key, at)]);
  }

  #merge(
    prefix: string,
    startKey: string,
    limit: number,
    keysOnly: boolean,
    changed: readonly [string, KeyValue | undefined][],
  ): { kvs: KeyValue[]; count: number } {
    const file = this.#state.file();
    const end = prefixEnd(prefix);
    // Each changed key may hide one of the file.
    const page = file.page(startKey, end, limit + changed.length, keysOnly);
    const cut = page.length === limit + changed.length;
    if (changed.length === 0) {
      return { kvs: page, count: cut && limit !== Infinity ? file.count(startKey, end) : page.length };
    }
    const kvs: KeyValue[] = [];
    let next = 0;
    const addChanged = (before: string | undefined): void => {
      for (; next < changed.length; next++) {
        const [key, kv] = changed[next] as [string, KeyValue | undefined];
        if (before !== undefined && compareKeys(key, before) >= 0) return;
        if (kv !== undefined && kvs.length < limit) kvs.push(keysOnly ? withoutValue(kv) : kv);
      }
    };
    for (const kv of page) {
      addChanged(kv.key);
      const isHidden = changed[next]?.[0] === kv.key;
      if (!isHidden && kvs.length < limit) kvs.push(kv);
    }
    addChanged(undefined);
    if (kvs.length < limit) return { kvs, count: kvs.length };
    let count = file.count(startKey, end);
    for (const [key, kv] of changed) count += (kv === undefined ? 0 : 1) - (file.has(key) ? 1 : 0);
    return { kvs, count };
  }
}

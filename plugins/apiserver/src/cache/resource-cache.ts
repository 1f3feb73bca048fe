/** The objects of one resource in key order, the recent events, and the watchers of both. */
import { ApiError } from '@timonel/sdk/kube';
import type { CacheEvent } from './cache-event.ts';
import type { Selection } from './selection.ts';
import type { StoredObject } from './stored-object.ts';
import type { Watcher } from './watcher.ts';

/** First index whose key is not less than `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class ResourceCache {
  /** `/registry/apps/deployments/`. */
  readonly prefix: string;
  readonly #historyLimit: number;
  readonly #historyLimitBytes: number;
  readonly #objects = new Map<string, StoredObject>();
  #keys: string[] = [];
  #history: CacheEvent[] = [];
  #historyBytes = 0;
  /** Events up to this revision are forgotten. */
  #forgottenRevision: number;
  /** By namespace; under '' those that watch all. */
  readonly #watchers = new Map<string, Set<Watcher>>();

  constructor(prefix: string, options: { revision: number; historyLimit: number; historyLimitBytes: number }) {
    this.prefix = prefix;
    this.#forgottenRevision = options.revision;
    this.#historyLimit = options.historyLimit;
    this.#historyLimitBytes = options.historyLimitBytes;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  /** In key order, from `startKey` on. */
  select(selection: Selection, startKey?: string): StoredObject[] {
    const prefix = selection.namespace === undefined ? this.prefix : `${this.prefix}${selection.namespace}/`;
    const found: StoredObject[] = [];
    for (let index = lowerBound(this.#keys, startKey ?? prefix); index < this.#keys.length; index += 1) {
      const key = this.#keys[index] ?? '';
      if (!key.startsWith(prefix)) break;
      if (selection.name !== undefined && !key.endsWith(`/${selection.name}`)) continue;
      const stored = this.#objects.get(key);
      if (stored !== undefined && (selection.matches === undefined || selection.matches(stored.object))) {
        found.push(stored);
      }
    }
    return found;
  }

  /** Puts an object of the first load, without an event. */
  load(stored: StoredObject): void {
    this.#set(stored);
  }

  apply(event: CacheEvent): void {
    if (event.type === 'DELETED') this.#delete(event.stored.key);
    else this.#set(event.stored);
    this.#remember(event);
    const namespace = this.#namespaceOf(event.stored.key);
    for (const watcher of this.#watchers.get('') ?? []) watcher.offer(event);
    if (namespace !== '') for (const watcher of this.#watchers.get(namespace) ?? []) watcher.offer(event);
  }

  /** @throws ApiError Expired when events after `revision` are forgotten already. */
  eventsSince(revision: number): readonly CacheEvent[] {
    if (revision < this.#forgottenRevision) {
      throw new ApiError('Expired', `too old resource version: ${revision} (${this.#forgottenRevision})`);
    }
    const first = this.#history.findIndex((event) => event.revision > revision);
    return first === -1 ? [] : this.#history.slice(first);
  }

  add(watcher: Watcher): void {
    const namespace = watcher.selection.namespace ?? '';
    const set = this.#watchers.get(namespace) ?? new Set<Watcher>();
    this.#watchers.set(namespace, set);
    set.add(watcher);
    watcher.onEnd = () => {
      set.delete(watcher);
      if (set.size === 0 && this.#watchers.get(namespace) === set) this.#watchers.delete(namespace);
    };
  }

  watchers(): Watcher[] {
    return [...this.#watchers.values()].flatMap((set) => [...set]);
  }

  #set(stored: StoredObject): void {
    if (!this.#objects.has(stored.key)) this.#keys.splice(lowerBound(this.#keys, stored.key), 0, stored.key);
    this.#objects.set(stored.key, stored);
  }

  #delete(key: string): void {
    if (!this.#objects.delete(key)) return;
    this.#keys.splice(lowerBound(this.#keys, key), 1);
  }

  #remember(event: CacheEvent): void {
    this.#history.push(event);
    this.#historyBytes += event.stored.sizeBytes;
    const { length } = this.#history;
    const overfull = length > this.#historyLimit;
    if (!overfull && this.#historyBytes <= this.#historyLimitBytes) return;
    // Half is dropped at once, so that the cost of a change stays constant. A revision is never split.
    let count = overfull ? length >>> 1 : 0;
    let bytes = this.#history.slice(0, count).reduce((sum, { stored }) => sum + stored.sizeBytes, 0);
    while (count < length && this.#historyBytes - bytes > this.#historyLimitBytes / 2) {
      bytes += this.#history[count]?.stored.sizeBytes ?? 0;
      count += 1;
    }
    const dropped = this.#history.splice(0, count);
    this.#historyBytes -= bytes;
    this.#forgottenRevision = dropped.at(-1)?.revision ?? this.#forgottenRevision;
  }

  /** Namespaced keys have one part more. */
  #namespaceOf(key: string): string {
    const rest = key.slice(this.prefix.length);
    const slash = rest.indexOf('/');
    return slash === -1 ? '' : rest.slice(0, slash);
  }
}

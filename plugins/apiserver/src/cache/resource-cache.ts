/** The objects of one resource in key order, the recent events, and the watchers of both. */
import { ApiError } from '@timonel/sdk/kube';
import type { CacheEvent } from './cache-event.ts';
import type { Selection } from './selection.ts';
import { lowerBound, SortedObjects } from './sorted-objects.ts';
import type { StoredObject } from './stored-object.ts';
import type { Watcher } from './watcher.ts';

export class ResourceCache {
  /** `/registry/apps/deployments/`. */
  readonly prefix: string;
  readonly #historyLimit: number;
  readonly #historyLimitBytes: number;
  readonly #objects: SortedObjects = new SortedObjects();
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

  /** Another one after every change of an object. */
  get version(): number {
    return this.#objects.version;
  }

  /** In key order. */
  select(selection: Selection): StoredObject[] {
    const { namespace, name, matches } = selection;
    const prefix = namespace === undefined ? this.prefix : `${this.prefix}${namespace}/`;
    const objects = this.#objects.inOrder();
    const first = lowerBound(objects, prefix);
    // The character after the slash ends the keys that begin with the prefix.
    const last = lowerBound(objects, `${prefix.slice(0, -1)}0`);
    const all = objects.slice(first, last);
    if (name === undefined && matches === undefined) return all;
    const end = name === undefined ? '' : `/${name}`;
    return all.filter((stored) => stored.key.endsWith(end) && (matches === undefined || matches(stored.object)));
  }

  /** Puts an object of the first load, without an event. */
  load(stored: StoredObject): void {
    this.#objects.set(stored);
  }

  apply(event: CacheEvent): void {
    if (event.type === 'DELETED') this.#objects.delete(event.stored.key);
    else this.#objects.set(event.stored);
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
    return this.#history.slice(this.#history.findLastIndex((event) => event.revision <= revision) + 1);
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

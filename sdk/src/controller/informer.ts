/**
 * An informer keeps a copy of all objects of one type (that a selector lets through) and tells its handlers what changed:
 * list once, then watch from the list's resourceVersion; a watch that ends is taken up again from the last version seen;
 * `410 Expired` means list again, whose differences reach the handlers as changes.
 *
 * Lists are linearizable (no resourceVersion), so that neither a restart nor a relist ever shows an older state than the one
 * seen before. What a handler sees may lag behind the cluster all the same: see `OwnWrites`.
 */
import type { ApiClient, ApiWatchOptions, ListOptions, WatchEvent } from '../contracts/api/index.ts';
import { errorMessage, invariant } from '../kernel/index.ts';
import { apiErrorReason, objectKey, type KubeObject, type ResourceType } from '../kube/index.ts';
import { isApiAbsent } from './absence.ts';
import { deepFreeze } from './deep-freeze.ts';
import type { ControllerHost } from './host.ts';
import { listPages } from './list-pages.ts';
import { ObjectCache, type IndexFunction } from './object-cache.ts';
import { compareResourceVersions } from './resource-version.ts';
import { Waiters } from './waiters.ts';

/** What an informer selects, and how much it takes. */
export interface InformerOptions<T extends KubeObject> {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  /** Query form: `app=web,tier in (a,b)`. */
  readonly labelSelector?: string;
  /** Query form: `spec.nodeName=node-1`. */
  readonly fieldSelector?: string;
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
  /** Objects asked for in one page of a list. Default 500. */
  readonly pageLimit?: number;
  /**
   * The most objects the cache may hold. Default 200,000. A list that is larger is refused: the fault is reported, the cache
   * stays as it was, and the list is tried again with back-off. A watch that goes beyond the bound relists likewise.
   */
  readonly objectLimit?: number;
}

/** Called synchronously in the order of the changes; must return quickly. A throw is reported and the others still run. */
export interface InformerHandler<T> {
  added?(object: T): void;
  /** `old` and `object` have the same uid; an object that was replaced by a new one of its name is `deleted`, then `added`. */
  updated?(object: T, old: T): void;
  /** The last state known. */
  deleted?(object: T): void;
}

const retryBaseMs = 250;
const retryLimitMs = 30_000;
/** The API is away for a while, as when masters restart: whoever waits for it should notice its return soon. */
const absenceRetryLimitMs = 3_000;
/** A watch that lived this long is healthy even when nothing happened. */
const healthyWatchMs = 5_000;

/** A cache of one type of object that follows the cluster. */
export class Informer<T extends KubeObject> {
  readonly type: ResourceType<T>;
  /** Resolves when the first full list is in the cache and the handlers have seen it; rejects when the informer stops before. */
  readonly synced: Promise<void>;
  /** Resolves when the first list was answered, well or not, or the informer stopped: for a start that must not wait for an absent API. */
  readonly tried: Promise<void>;
  readonly #host: ControllerHost;
  readonly #api: ApiClient;
  readonly #options: InformerOptions<T>;
  readonly #cache = new ObjectCache<T>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #stop = new AbortController();
  readonly #settleSynced: { resolve: () => void; reject: (reason: unknown) => void };
  readonly #settleTried: () => void;
  readonly #versionWaiters = new Waiters<string>();
  /** Who waits for a list that begins from now on. */
  readonly #relistWaiters = new Waiters<undefined>();
  /** Ends the running watch. */
  #watchStop = new AbortController();
  #running: Promise<void> | undefined;
  #hasSynced = false;
  #resourceVersion: string | undefined;
  #mustList = true;
  #failures = 0;

  constructor(host: ControllerHost, api: ApiClient, type: ResourceType<T>, options: InformerOptions<T> = {}) {
    this.#host = host;
    this.#api = api;
    this.type = type;
    this.#options = options;
    for (const [name, valuesOf] of Object.entries(options.indexes ?? {})) this.#cache.addIndex(name, valuesOf);
    let settle: { resolve: () => void; reject: (reason: unknown) => void } | undefined;
    this.synced = new Promise<void>((resolve, reject) => {
      settle = { resolve, reject };
    });
    invariant(settle, 'a promise runs its executor at once');
    this.#settleSynced = settle;
    // Nobody has to wait for it.
    this.synced.catch(() => undefined);
    let tried = (): void => undefined;
    this.tried = new Promise<void>((resolve) => {
      tried = resolve;
    });
    this.#settleTried = tried;
  }

  /** Whether the first full list is in the cache. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** The newest version the cache is known to be complete up to; undefined before the first list. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  get size(): number {
    return this.#cache.size;
  }

  /** By `namespace/name`, or `name` when cluster-scoped. The object is shared and frozen. */
  get(key: string): T | undefined {
    return this.#cache.get(key);
  }

  /** All objects, in no promised order. */
  list(): readonly T[] {
    return [...this.#cache.values()];
  }

  /** The objects under one value of an index. @throws RangeError when there is no such index. */
  byIndex(index: string, value: string): readonly T[] {
    return this.#cache.byIndex(index, value);
  }

  /** Adds an index; an existing one of that name stays as it is. */
  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    this.#cache.addIndex(name, valuesOf);
  }

  /** Adds a handler, which first gets every object in the cache as `added`. Answers the function that removes it. */
  addHandler(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#cache.values()) this.#guarded(() => handler.added?.(object));
    return () => this.#handlers.delete(handler);
  }

  /** Whether the cache holds everything up to `version` of this type. */
  hasSeen(version: string): boolean {
    return this.#resourceVersion !== undefined && compareResourceVersions(this.#resourceVersion, version) >= 0;
  }

  /** Resolves once {@link hasSeen}. Never resolves after the informer was stopped. */
  whenSeen(version: string): Promise<void> {
    if (this.hasSeen(version)) return Promise.resolve();
    return this.#versionWaiters.wait(version);
  }

  /**
   * Lists anew: resolves when a list that began after the call is in the cache, so that everything acknowledged before the call
   * is there. Goes on until the API answers; never resolves after the informer was stopped. May be called before `start`.
   */
  relist(): Promise<void> {
    this.#mustList = true;
    const listed = this.#relistWaiters.wait(undefined);
    this.#watchStop.abort();
    return listed;
  }

  /** Begins to follow the cluster until {@link stop} or the host's signal. A second call does nothing. */
  start(): void {
    if (this.#running !== undefined) return;
    const signal = AbortSignal.any([this.#host.signal, this.#stop.signal]);
    this.#running = this.#run(signal).finally(() => {
      if (!this.#hasSynced) this.#settleSynced.reject(signal.reason);
      this.#settleTried();
      this.#versionWaiters.clear();
      this.#relistWaiters.clear();
    });
  }

  /** Stops following; the cache stays readable. Resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const delayMs = await this.#round(signal);
      if (delayMs > 0) await this.#host.env.timers.sleep(delayMs, signal).catch(() => undefined);
    }
  }

  /** One list if it is due, and one watch until it ends. Answers how long to wait before the next. */
  async #round(signal: AbortSignal): Promise<number> {
    const startedMs = this.#host.env.clock.monotonic();
    try {
      if (this.#mustList) await this.#list(signal);
      if (this.#mustList) return 0;
      const events = await this.#watch(signal);
      const healthy = events > 0 || this.#host.env.clock.monotonic() - startedMs >= healthyWatchMs;
      if (healthy) this.#failures = 0;
      return healthy || this.#mustList ? 0 : this.#backOffMs(retryLimitMs);
    } catch (error) {
      this.#settleTried();
      if (signal.aborted) return 0;
      const reason = apiErrorReason(error);
      if (reason === 'Expired' || reason === 'Gone') this.#mustList = true;
      const delayMs = this.#backOffMs(isApiAbsent(error) ? absenceRetryLimitMs : retryLimitMs);
      const fields = { resource: this.type.resource, reason, error: errorMessage(error), retryMs: Math.round(delayMs) };
      if (this.#failures > 3) this.#host.log.warn(fields, 'the informer cannot follow the API');
      else this.#host.log.debug(fields, 'the informer lost the API');
      return delayMs;
    }
  }

  #backOffMs(limitMs: number): number {
    const ceilingMs = Math.min(limitMs, retryBaseMs * 2 ** Math.min(this.#failures, 16));
    this.#failures += 1;
    return ceilingMs * (0.5 + this.#host.env.random.next() / 2);
  }

  #selection(): Pick<ListOptions, 'namespace' | 'labelSelector' | 'fieldSelector'> {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
  }

  async #list(signal: AbortSignal): Promise<void> {
    const waiting = this.#relistWaiters.take(() => true);
    try {
      const { pageLimit = 500 } = this.#options;
      const options = { ...this.#selection(), limit: pageLimit };
      const { version, objects } = await listPages(this.#api, this.type, options, (size) => this.#checkBound(size));
      if (signal.aborted) return;
      this.#replace(objects);
      this.#advance(version);
    } catch (error) {
      this.#relistWaiters.putBack(waiting);
      throw error;
    }
    // Who asked meanwhile wants a list that began later.
    this.#mustList = this.#relistWaiters.size > 0;
    for (const { resolve } of waiting) resolve();
    if (this.#hasSynced) return;
    this.#hasSynced = true;
    this.#settleSynced.resolve();
    this.#settleTried();
  }

  #checkBound(size: number): void {
    const limit = this.#options.objectLimit ?? 200_000;
    if (size <= limit) return;
    this.#mustList = true;
    const error = new RangeError(`more than ${limit} ${this.type.resource}: raise objectLimit or narrow the selector`);
    this.#host.reportFault(error);
    throw error;
  }

  /** Makes the cache equal to a full list. */
  #replace(found: ReadonlyMap<string, T>): void {
    for (const key of this.#cache.keys()) if (!found.has(key)) this.#remove(key);
    for (const object of found.values()) this.#put(object);
  }

  /** Answers the number of events. */
  async #watch(signal: AbortSignal): Promise<number> {
    let events = 0;
    this.#watchStop = new AbortController();
    const cut = AbortSignal.any([signal, this.#watchStop.signal]);
    const options: ApiWatchOptions = {
      ...this.#selection(),
      ...(this.#resourceVersion === undefined ? {} : { resourceVersion: this.#resourceVersion }),
      allowBookmarks: true,
      signal: cut,
    };
    for await (const event of this.#api.watch(this.type, options)) {
      if (cut.aborted) break;
      events += 1;
      this.#failures = 0;
      this.#apply(event);
    }
    return events;
  }

  #apply(event: WatchEvent<T>): void {
    if (event.type === 'DELETED') this.#remove(objectKey(event.object), event.object);
    else if (event.type !== 'BOOKMARK') {
      this.#put(event.object);
      this.#checkBound(this.#cache.size);
    }
    this.#advance(event.object.metadata.resourceVersion);
  }

  #put(object: T): void {
    deepFreeze(object);
    const old = this.#cache.get(objectKey(object));
    if (old !== undefined && old.metadata.uid !== object.metadata.uid) {
      this.#remove(objectKey(object));
      return this.#put(object);
    }
    if (old !== undefined && old.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.#cache.set(object);
    for (const handler of Array.from(this.#handlers)) {
      this.#guarded(() => (old === undefined ? handler.added?.(object) : handler.updated?.(object, old)));
    }
  }

  #remove(key: string, last?: T): void {
    const old = this.#cache.delete(key);
    if (old === undefined) return;
    if (last !== undefined) deepFreeze(last);
    for (const handler of Array.from(this.#handlers)) this.#guarded(() => handler.deleted?.(last ?? old));
  }

  #guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#host.log.error(
        { resource: this.type.resource, error: errorMessage(error) },
        'a handler of the informer threw',
      );
      this.#host.reportFault(error);
    }
  }

  #advance(version: string | undefined): void {
    if (version === undefined || version === '' || this.hasSeen(version)) return;
    this.#resourceVersion = version;
    if (this.#versionWaiters.size === 0) return;
    for (const { resolve } of this.#versionWaiters.take((wanted) => this.hasSeen(wanted))) resolve();
  }
}

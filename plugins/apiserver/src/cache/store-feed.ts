/**
 * Feeds the caches of all resources from one watch of the store, and proves them fresh: a linearizable read asks the store
 * for its revision (shared by all reads that wait at the moment) and waits until the feed has come that far. A store that
 * does not answer is asked again for as long as it takes: the server stays up and says so.
 */
import { errorCode, errorMessage, type Env, type Logger } from '@timonel/sdk';
import { ApiError, apiErrorReason } from '@timonel/sdk/kube';
import type { Store, StoreEvent, StoreWatch } from '@timonel/sdk/contracts/store';
import { resourcePrefixOf, registryPrefix } from '../registry/keys.ts';
import { storeUnavailable } from '../registry/api-errors.ts';
import { FreshRevision } from './fresh-revision.ts';
import { ResourceCache } from './resource-cache.ts';
import { StoredObject } from './stored-object.ts';

export interface StoreFeedOptions {
  readonly store: Store;
  readonly env: Env;
  readonly log: Logger;
  /** Events kept for each resource, for watches that resume. */
  readonly historyLimit: number;
  readonly historyLimitBytes: number;
  readonly bookmarkPeriodMs: number;
  readonly freshnessTimeoutMs: number;
}

const pageSize = 500;
const retryMs = 200;
/** So long a start waits for the store; then it goes on without. */
const startWaitMs = 5_000;
/** Faults that go by themselves. */
const passingCodes: ReadonlySet<string | undefined> = new Set(['UNAVAILABLE', 'ERR_SERVICE_UNAVAILABLE']);

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
}

export class StoreFeed {
  readonly #options: StoreFeedOptions;
  #caches = new Map<string, ResourceCache>();
  #revision = 0;
  #loadedRevision = 0;
  readonly #offered = new Map<string, StoredObject>();
  #watch: StoreWatch | undefined;
  #waiters: Waiter[] = [];
  readonly #freshRevision: FreshRevision;
  #loaded = false;
  #complained = false;
  #stopped = false;
  #loop: Promise<void> | undefined;
  readonly #listeners: ((prefix: string | undefined) => void)[] = [];

  constructor(options: StoreFeedOptions) {
    this.#options = options;
    this.#freshRevision = new FreshRevision(options.store, options.env, options.freshnessTimeoutMs);
  }

  /** Everything up to this revision is in the caches. */
  get revision(): number {
    return this.#revision;
  }

  /** `listener` is called after each change of an object, with the prefix of its kind, or undefined after all were loaded. */
  onChange(listener: (prefix: string | undefined) => void): void {
    this.#listeners.push(listener);
  }

  /** Resolves when the caches are loaded, or as soon as the store turns out not to answer. @throws what no waiting would heal */
  async start(signal: AbortSignal): Promise<void> {
    const { env, bookmarkPeriodMs } = this.#options;
    const first = this.#tryToLoad();
    this.#loop = first.then(
      () => this.#run(signal),
      () => undefined,
    );
    env.timers.every(bookmarkPeriodMs, () => this.#bookmarkAll());
    const cut = new AbortController();
    const limit = env.timers.sleep(startWaitMs, AbortSignal.any([signal, cut.signal])).catch(() => undefined);
    try {
      await Promise.race([first, limit]);
    } finally {
      cut.abort();
    }
  }

  /** @throws ApiError ServiceUnavailable while the store could not be read yet */
  checkLoaded(): void {
    if (this.#loaded) return;
    throw storeUnavailable('the store has not answered yet since this server started; please try again');
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#watch?.close();
    for (const cache of this.#caches.values()) for (const watcher of cache.watchers()) watcher.end('ended');
    await this.#loop;
  }

  cache(prefix: string): ResourceCache {
    let cache = this.#caches.get(prefix);
    if (cache === undefined) {
      const { historyLimit, historyLimitBytes } = this.#options;
      cache = new ResourceCache(prefix, { revision: this.#loadedRevision, historyLimit, historyLimitBytes });
      this.#caches.set(prefix, cache);
    }
    return cache;
  }

  /** The caches hold everything that was acknowledged before the call. @throws ApiError ServiceUnavailable, Timeout */
  async fresh(): Promise<number> {
    this.checkLoaded();
    const revision = await this.#freshRevision.get();
    await this.reached(revision);
    return revision;
  }

  /**
   * As {@link fresh}, but caches that do not get there in time are no error: `behind` says that the store itself must be read,
   * at `revision` or later. @throws ApiError ServiceUnavailable
   */
  async catchUp(): Promise<{ readonly revision: number; readonly behind: boolean }> {
    this.checkLoaded();
    const revision = await this.#freshRevision.get();
    try {
      await this.reached(revision);
      return { revision, behind: false };
    } catch (error) {
      if (apiErrorReason(error) !== 'Timeout') throw error;
      return { revision, behind: true };
    }
  }

  /** Waits until the caches hold `revision`. @throws ApiError Timeout */
  async reached(revision: number): Promise<void> {
    if (this.#revision >= revision) return;
    this.#watch?.requestProgress();
    const { env, freshnessTimeoutMs } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = { revision, resolve: () => (timer.cancel(), resolve()) };
      const timer = env.timers.after(freshnessTimeoutMs, () => {
        this.#waiters = this.#waiters.filter((one) => one !== waiter);
        reject(
          new ApiError('Timeout', `Too large resource version: ${revision}, current: ${this.#revision}`, {
            causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
            retryAfterSeconds: 1,
          }),
        );
      });
      this.#waiters.push(waiter);
    });
  }

  /** Resolves, loaded or not. @throws what no waiting would heal */
  async #tryToLoad(): Promise<void> {
    try {
      await this.#load();
    } catch (error) {
      if (!passingCodes.has(errorCode(error))) throw error;
      this.#complain(error, 'the store does not answer: trying again until it does');
    }
  }

  async #load(): Promise<void> {
    const caches = new Map<string, ResourceCache>();
    const { store, historyLimit, historyLimitBytes } = this.#options;
    let revision: number | undefined;
    let startKey: string | undefined;
    for (;;) {
      const page = await store.range({
        prefix: registryPrefix,
        limit: pageSize,
        ...(startKey === undefined ? {} : { startKey }),
        ...(revision === undefined ? {} : { revision }),
      });
      revision ??= page.revision;
      for (const kv of page.kvs) {
        const prefix = resourcePrefixOf(kv.key);
        if (prefix === undefined) continue;
        const cache = caches.get(prefix) ?? new ResourceCache(prefix, { revision, historyLimit, historyLimitBytes });
        caches.set(prefix, cache);
        cache.load(new StoredObject(kv.key, kv.modRevision, kv.value));
      }
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) break;
      startKey = `${last.key}\0`;
    }
    const old = this.#caches;
    this.#caches = caches;
    this.#loadedRevision = revision;
    this.#loaded = true;
    this.#complained = false;
    for (const cache of old.values()) for (const watcher of cache.watchers()) watcher.end('expired');
    for (const listener of this.#listeners) listener(undefined);
    this.#advance(revision);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { env } = this.#options;
    while (!this.#stopped && !signal.aborted) {
      try {
        if (!this.#loaded) await this.#load();
        await this.#follow();
        if (this.#stopped) return;
      } catch (error) {
        if (this.#stopped) return;
        this.#complain(error, 'watch of the store ended; watching again');
        if (errorCode(error) === 'COMPACTED') await this.#load().catch(() => undefined);
      }
      await env.timers.sleep(retryMs, signal).catch(() => undefined);
    }
  }

  /** One watch of the store until it ends. */
  async #follow(): Promise<void> {
    const watch = this.#options.store.watch({ prefix: registryPrefix, fromRevision: this.#revision + 1 });
    this.#watch = watch;
    if (this.#waiters.length > 0) watch.requestProgress();
    for await (const batch of watch) {
      this.#complained = false;
      for (const event of batch.events) this.#apply(event);
      this.#advance(batch.revision);
    }
  }

  /** Once for each outage. */
  #complain(error: unknown, text: string): void {
    const { log } = this.#options;
    const fields = { code: errorCode(error), error: errorMessage(error) };
    if (this.#complained) log.debug(fields, text);
    else log.warn(fields, text);
    this.#complained = true;
  }

  #apply(event: StoreEvent): void {
    const prefix = resourcePrefixOf(event.kv.key);
    if (prefix === undefined) return;
    const { key, modRevision } = event.kv;
    const cache = this.cache(prefix);
    const cached = cache.get(key);
    const previous =
      event.prevKv === undefined || cached?.revision === event.prevKv.modRevision
        ? cached
        : new StoredObject(key, event.prevKv.modRevision, event.prevKv.value);
    if (event.type === 'put') {
      const stored = this.#takeOffered(key, modRevision) ?? new StoredObject(key, modRevision, event.kv.value);
      cache.apply({ type: previous ? 'MODIFIED' : 'ADDED', revision: modRevision, stored, previous });
    } else if (previous !== undefined) {
      cache.apply({ type: 'DELETED', revision: modRevision, stored: previous.at(modRevision), previous });
    }
    for (const listener of this.#listeners) listener(prefix);
  }

  #advance(revision: number): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    if (this.#waiters.length === 0) return;
    const due = this.#waiters.filter((waiter) => waiter.revision <= revision);
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > revision);
    for (const waiter of due) waiter.resolve();
  }

  #bookmarkAll(): void {
    for (const cache of this.#caches.values()) {
      for (const watcher of cache.watchers()) watcher.bookmark(this.#revision);
    }
  }

  /** A writer hands over what it wrote, so that it need not be parsed again. */
  offerWritten(stored: StoredObject): void {
    const prefix = resourcePrefixOf(stored.key);
    const cached = prefix === undefined ? undefined : this.#caches.get(prefix)?.get(stored.key);
    if (cached?.revision === stored.revision) cached.adopt(stored.object);
    else if (stored.revision > this.#revision && this.#offered.size < 1000) this.#offered.set(stored.key, stored);
  }

  #takeOffered(key: string, revision: number): StoredObject | undefined {
    const offered = this.#offered.get(key);
    if (offered === undefined || offered.revision > revision) return undefined;
    this.#offered.delete(key);
    return offered.revision === revision ? offered : undefined;
  }
}

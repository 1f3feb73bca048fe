/**
 * Feeds the caches of all resources from one watch of the store, and proves them fresh: a linearizable read asks the store
 * for its revision (shared by all reads that wait at the moment) and waits until the feed has come that far.
 */
import { errorCode, errorMessage, type Env, type Logger } from '@timonel/sdk';
import { ApiError } from '@timonel/sdk/kube';
import type { Store, StoreEvent, StoreWatch } from '@timonel/sdk/contracts/store';
import { resourcePrefixOf, registryPrefix } from '../registry/keys.ts';
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
  #running: Promise<number> | undefined;
  #next: Promise<number> | undefined;
  #stopped = false;
  #loop: Promise<void> | undefined;

  constructor(options: StoreFeedOptions) {
    this.#options = options;
  }

  /** Everything up to this revision is in the caches. */
  get revision(): number {
    return this.#revision;
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#load();
    this.#loop = this.#run(signal);
    const { env, bookmarkPeriodMs } = this.#options;
    env.timers.every(bookmarkPeriodMs, () => this.#bookmarkAll());
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
    const revision = await this.#barrier();
    await this.reached(revision);
    return revision;
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

  /** A read may not use a barrier that began before it, but it can share the next one. */
  async #barrier(): Promise<number> {
    if (this.#running === undefined) return this.#startBarrier();
    this.#next ??= this.#running.then(
      () => this.#startBarrier(),
      () => this.#startBarrier(),
    );
    return this.#next;
  }

  #startBarrier(): Promise<number> {
    this.#next = undefined;
    const barrier = this.#options.store.barrier().finally(() => {
      if (this.#running === barrier) this.#running = undefined;
    });
    this.#running = barrier;
    return barrier;
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
    for (const cache of old.values()) for (const watcher of cache.watchers()) watcher.end('expired');
    this.#advance(revision);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { store, env, log } = this.#options;
    while (!this.#stopped) {
      try {
        const watch = store.watch({ prefix: registryPrefix, fromRevision: this.#revision + 1 });
        this.#watch = watch;
        if (this.#waiters.length > 0) watch.requestProgress();
        for await (const batch of watch) {
          for (const event of batch.events) this.#apply(event);
          this.#advance(batch.revision);
        }
        if (this.#stopped) return;
        await env.timers.sleep(retryMs, signal).catch(() => undefined);
      } catch (error) {
        if (this.#stopped) return;
        log.warn({ code: errorCode(error) }, `watch of the store ended: ${errorMessage(error)}; watching again`);
        await env.timers.sleep(retryMs, signal).catch(() => undefined);
        if (errorCode(error) === 'COMPACTED') await this.#load().catch(() => undefined);
      }
      if (signal.aborted) return;
    }
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

import {
  checkRange,
  type StoreEvent,
  type StoreWatch,
  type WatchBatch,
  type WatchOptions,
} from '@timonel/sdk/contracts/store';
import type { Env } from '@timonel/sdk';
import { codeOf, stoppedError, toStoreError } from './errors.ts';
import type { EventFeed } from './event-feed.ts';
import { revisionsFrom, type RevisionSource } from './revision-stream.ts';
import { isRpcError } from './wire/rpc-error.ts';

const batchEvents = 500;
const pauseMs = 200;

export interface EtcdWatchOptions extends WatchOptions, RevisionSource {
  readonly env: Env;
  readonly feed: EventFeed;
  /** The first revision wanted. */
  readonly start: Promise<number>;
  /** The highest revision that this store has told anybody. */
  readonly seenRevision: () => number;
  /** @throws StoreError COMPACTED for a revision that the store gave up */
  readonly checkKept: (revision: number) => void;
}

/** Reads the past from etcd, with a stream of its own, until the feed's memory reaches back far enough; then from there. */
export class EtcdWatch implements StoreWatch {
  readonly #options: EtcdWatchOptions;
  readonly #closing = new AbortController();
  readonly #next: Promise<number>;
  #live: StoreWatch | undefined;
  #progressWanted = false;
  #iterated = false;

  constructor(options: EtcdWatchOptions) {
    this.#options = options;
    // Begins now, not when the first batch is asked for: what is compacted from here on is still delivered.
    this.#next = this.#begin();
    this.#next.catch(() => undefined);
  }

  close(): void {
    this.#closing.abort();
    this.#live?.close();
  }

  requestProgress(): void {
    const { feed, seenRevision } = this.#options;
    const ask = (): void => {
      this.#progressWanted = true;
      this.#live?.requestProgress();
    };
    // When the events do not come: a bookmark at what did.
    void feed.reached(seenRevision()).then(ask, ask);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<WatchBatch> {
    if (this.#iterated) throw new TypeError('a watch can be iterated only once');
    this.#iterated = true;
    const { signal } = this.#closing;
    try {
      if (signal.aborted) return;
      let next = await Promise.race([this.#next, this.#closed()]);
      while (!signal.aborted) {
        next = yield* this.#past(next);
        next = yield* this.#present(next);
      }
    } finally {
      this.close();
    }
  }

  async #begin(): Promise<number> {
    const next = await this.#options.start;
    checkRange({ prefix: this.#options.prefix });
    this.#options.checkKept(next);
    this.#goLive(next);
    return next;
  }

  /** Watches the feed, if its memory reaches back to `next`. */
  #goLive(next: number): StoreWatch | undefined {
    const { feed, prefix } = this.#options;
    if (this.#closing.signal.aborted || next < feed.oldestRevision) return undefined;
    this.#live = feed.watch({ prefix, fromRevision: next });
    if (this.#progressWanted) this.#live.requestProgress();
    return this.#live;
  }

  /** Never resolves into anything that is used: the loop sees the signal. */
  #closed(): Promise<number> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      if (signal.aborted) resolve(0);
      else signal.addEventListener('abort', () => resolve(0), { once: true });
    });
  }

  /** Yields what is older than the feed's memory; returns the next revision. */
  async *#past(from: number): AsyncGenerator<WatchBatch, number> {
    const { feed, prefix, client, env } = this.#options;
    const { signal } = this.#closing;
    let next = from;
    let events: StoreEvent[] = [];
    while (this.#live === undefined && next < feed.oldestRevision && !signal.aborted) {
      try {
        for await (const revision of revisionsFrom(this.#options, next, signal)) {
          for (const event of revision.events) if (event.kv.key.startsWith(prefix)) events.push(event);
          next = revision.revision + 1;
          if (events.length >= batchEvents) {
            const batch = events;
            events = [];
            yield { events: batch, revision: revision.revision };
          }
          if (next >= feed.oldestRevision) break;
        }
      } catch (error) {
        if (signal.aborted) return next;
        if (client.closed) throw stoppedError();
        if (!isRpcError(error)) throw error;
        await env.timers.sleep(pauseMs, signal).catch(() => undefined);
      }
    }
    if (events.length > 0 && !signal.aborted) yield { events, revision: next - 1 };
    return next;
  }

  /** Yields what is in the feed's memory, then what comes; returns the next revision when that memory is too short. */
  async *#present(from: number): AsyncGenerator<WatchBatch, number> {
    const { client } = this.#options;
    let next = from;
    const live = this.#live ?? this.#goLive(next);
    if (live === undefined) return next;
    try {
      for await (const batch of live) {
        this.#progressWanted = false;
        yield batch;
        next = Math.max(next, batch.revision + 1);
      }
    } catch (error) {
      if (client.closed) throw stoppedError();
      // STOPPED of a feed that began anew, or its memory moved on: there is etcd itself.
      if (codeOf(error) !== 'COMPACTED' && codeOf(error) !== 'STOPPED') throw toStoreError(error);
    } finally {
      live.close();
      this.#live = undefined;
    }
    return next;
  }
}

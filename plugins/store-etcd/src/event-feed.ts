import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import { StoreError, WatchHub, type StoreWatch, type WatchOptions } from '@timonel/sdk/contracts/store';
import { codeOf } from './errors.ts';
import { RecentEvents } from './recent-events.ts';
import { revisionsFrom, type RevisionSource } from './revision-stream.ts';

const firstPauseMs = 20;
const longestPauseMs = 2_000;

export interface EventFeedOptions extends RevisionSource {
  readonly env: Env;
  readonly log: Logger;
  /** How long `reached` waits at most. */
  readonly timeoutMs: number;
  /** etcd's revision now. */
  readonly currentRevision: () => Promise<number>;
}

/**
 * One watch of etcd for all watchers of the store: each event crosses the network and is decoded once. Goes on after a
 * lost connection where it stopped.
 */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #stop = new AbortController();
  #recent: RecentEvents;
  #hub: WatchHub;
  #waiters: { readonly revision: number; readonly resolve: () => void }[] = [];
  #running: Promise<void>;

  /** @param head the revision after which it begins */
  constructor(options: EventFeedOptions, head: number) {
    this.#options = options;
    this.#recent = new RecentEvents(head);
    this.#hub = new WatchHub(this.#recent, options.env);
    this.#running = this.#run();
  }

  /** The oldest revision that can be watched from memory. */
  get oldestRevision(): number {
    return this.#recent.compactedRevision();
  }

  /** From `oldestRevision` on. Ends with STOPPED also when history was lost: begin again, then. */
  watch(options: WatchOptions): StoreWatch {
    return this.#hub.watch(options);
  }

  /** Resolves when everything up to `revision` is there, or the feed stops. @throws StoreError UNAVAILABLE after a while */
  async reached(revision: number): Promise<void> {
    if (this.#recent.revision() >= revision || this.#stop.signal.aborted) return;
    const { env, timeoutMs } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const timer = env.timers.after(timeoutMs, () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(new StoreError('UNAVAILABLE', `etcd sent no events up to revision ${revision} within ${timeoutMs} ms`));
      });
      const waiter = {
        revision,
        resolve: (): void => {
          timer.cancel();
          resolve();
        },
      };
      this.#waiters.push(waiter);
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#hub.close();
    this.#wake(Infinity);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { env, log } = this.#options;
    const { signal } = this.#stop;
    let pauseMs = firstPauseMs;
    while (!signal.aborted) {
      const before = this.#recent.revision();
      try {
        await this.#follow();
      } catch (error) {
        if (signal.aborted || this.#options.client.closed) return;
        log.warn({ revision: before, error: errorMessage(error) }, 'the watch of etcd ended; it begins again');
        if (codeOf(error) === 'COMPACTED' || codeOf(error) === 'CORRUPT') await this.#beginAnew();
      }
      if (signal.aborted) return;
      pauseMs = this.#recent.revision() > before ? firstPauseMs : Math.min(pauseMs * 2, longestPauseMs);
      await env.timers.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  async #follow(): Promise<void> {
    for await (const revision of revisionsFrom(this.#options, this.#recent.revision() + 1, this.#stop.signal)) {
      // Both in one turn: who watches sees no revision twice, and misses none.
      this.#recent.push(revision);
      this.#hub.publish(revision);
      if (this.#waiters.length > 0) this.#wake(revision.revision);
    }
  }

  /** History was lost: watchers read it from etcd, which says COMPACTED to those that need what is gone. */
  async #beginAnew(): Promise<void> {
    const head = await this.#options.currentRevision().catch(() => undefined);
    if (head === undefined || this.#stop.signal.aborted) return;
    const former = this.#hub;
    this.#recent = new RecentEvents(head);
    this.#hub = new WatchHub(this.#recent, this.#options.env);
    former.close();
    this.#wake(head);
  }

  #wake(revision: number): void {
    const due = this.#waiters.filter((waiter) => waiter.revision <= revision);
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > revision);
    for (const waiter of due) waiter.resolve();
  }
}

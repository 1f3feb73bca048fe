import type { Env } from '../../kernel/index.ts';
import { StoreError, type StoreEvent, type StoreWatch, type WatchBatch, type WatchOptions } from './index.ts';
import { checkRange, compactedError } from './limits.ts';

/** All events of one revision, in order. */
export interface RevisionEvents {
  readonly revision: number;
  readonly events: readonly StoreEvent[];
}

/** Where a hub reads the past. */
export interface WatchHistory {
  revision(): number;
  compactedRevision(): number;
  /**
   * Events of the revisions `from` to `to` (inclusive) whose keys begin with `prefix`, ascending; revisions without such
   * events may be left out. Both are readable when it is called.
   */
  readEvents(from: number, to: number, prefix: string): Iterable<RevisionEvents>;
}

/** Bounds of one watch. */
export interface WatchLimits {
  /** Most events that wait for a consumer before it is cut off with SLOW_WATCHER. */
  readonly backlogEvents: number;
  /** Most bytes of values that wait for it. */
  readonly backlogBytes: number;
  /** A batch is closed when it has this many events (a revision is never split). */
  readonly batchEvents: number;
  /** Revisions of the past that are read in one go, without giving way to other work. */
  readonly scanRevisions: number;
}

/** The bounds that stores use unless told otherwise. */
export const defaultWatchLimits: WatchLimits = {
  backlogEvents: 10_000,
  backlogBytes: 64 * 1024 * 1024,
  batchEvents: 500,
  scanRevisions: 1_000,
};

/**
 * Gives every watcher the events it asked for, each once and in order. A watcher reads the past in pages when its
 * consumer asks (no memory is held for it), and is switched to live delivery in the same turn in which the past ends, so
 * nothing can fall between. Live events wait in a bounded queue.
 */
export class WatchHub {
  readonly #history: WatchHistory;
  readonly #env: Env;
  readonly #limits: WatchLimits;
  readonly #watchers = new Set<Watcher>();
  #stopped = false;

  constructor(history: WatchHistory, env: Env, limits: Partial<WatchLimits> = {}) {
    this.#history = history;
    this.#env = env;
    this.#limits = { ...defaultWatchLimits, ...limits };
  }

  /** Number of running watches. */
  get size(): number {
    return this.#watchers.size;
  }

  /** Starts a watch; errors arrive through its iteration. */
  watch(options: WatchOptions): StoreWatch {
    const watcher = new Watcher(this.#history, this.#env, this.#limits, options, () => this.#watchers.delete(watcher));
    if (this.#stopped) watcher.fail(stoppedError());
    else this.#watchers.add(watcher);
    return watcher;
  }

  /** Call once for each revision, in order, in the turn in which it becomes readable. */
  publish(revision: RevisionEvents): void {
    for (const watcher of this.#watchers) watcher.offer(revision);
  }

  /** The history was replaced, by that of a snapshot: every watcher looks anew whether it can go on from where it is. */
  restart(): void {
    for (const watcher of this.#watchers) watcher.restart();
  }

  /** Ends every watch with STOPPED. */
  close(): void {
    this.#stopped = true;
    for (const watcher of this.#watchers) watcher.fail(stoppedError());
    this.#watchers.clear();
  }
}

function stoppedError(): StoreError {
  return new StoreError('STOPPED', 'the store has been stopped');
}

class Watcher implements StoreWatch {
  readonly #history: WatchHistory;
  readonly #env: Env;
  readonly #limits: WatchLimits;
  readonly #prefix: string;
  readonly #onEnd: () => void;
  /** Everything before it has been delivered or is of no interest. */
  #nextRevision: number;
  #live: boolean;
  #queue: RevisionEvents[] = [];
  #queuedEvents = 0;
  #queuedBytes = 0;
  #progressRequested = false;
  #iterated = false;
  #closed = false;
  #failure: unknown = undefined;
  #wake: (() => void) | undefined = undefined;

  constructor(
    history: WatchHistory,
    env: Env,
    limits: WatchLimits,
    { prefix, fromRevision }: WatchOptions,
    onEnd: () => void,
  ) {
    this.#history = history;
    this.#env = env;
    this.#limits = limits;
    this.#prefix = prefix;
    this.#onEnd = onEnd;
    const next = history.revision() + 1;
    this.#nextRevision = fromRevision === 0 ? next : fromRevision;
    this.#live = this.#nextRevision >= next;
    try {
      checkRange({ prefix });
    } catch (error) {
      this.#failure = error;
    }
  }

  offer(revision: RevisionEvents): void {
    if (!this.#live || revision.revision < this.#nextRevision || this.#failure !== undefined) return;
    const events = revision.events.filter((event) => event.kv.key.startsWith(this.#prefix));
    if (events.length === 0) return;
    this.#queue.push(events.length === revision.events.length ? revision : { revision: revision.revision, events });
    this.#queuedEvents += events.length;
    for (const event of events) this.#queuedBytes += event.kv.value.byteLength;
    if (this.#queuedEvents > this.#limits.backlogEvents || this.#queuedBytes > this.#limits.backlogBytes) {
      this.fail(
        new StoreError(
          'SLOW_WATCHER',
          `the watcher of ${JSON.stringify(this.#prefix)} is ${this.#queuedEvents} events behind: ` +
            'watch again from the last delivered revision + 1',
        ),
      );
      return;
    }
    this.#notify();
  }

  /** Reads the past again from the first revision that has not been delivered. */
  restart(): void {
    this.#queue = [];
    this.#queuedEvents = 0;
    this.#queuedBytes = 0;
    this.#live = false;
    this.#notify();
  }

  /** Ends the watch with an error: what waited is dropped. */
  fail(error: unknown): void {
    this.#failure ??= error;
    this.#end();
  }

  close(): void {
    this.#closed = true;
    this.#end();
  }

  requestProgress(): void {
    this.#progressRequested = true;
    this.#notify();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<WatchBatch> {
    if (this.#iterated) throw new TypeError('a watch can be iterated only once');
    this.#iterated = true;
    try {
      while (!this.#closed) {
        if (this.#failure !== undefined) throw this.#failure;
        const batch = this.#live ? this.#takeQueued() : this.#takePast();
        if (batch !== undefined) yield batch;
        else if (this.#live) await this.#somethingToDo();
        else await this.#env.timers.sleep(0);
      }
    } finally {
      this.close();
    }
  }

  #takePast(): WatchBatch | undefined {
    const from = this.#nextRevision;
    const compacted = this.#history.compactedRevision();
    if (from < compacted) throw compactedError(from, compacted);
    const head = this.#history.revision();
    if (from > head) {
      this.#live = true;
      return undefined;
    }
    const to = Math.min(head, from + this.#limits.scanRevisions - 1);
    const events: StoreEvent[] = [];
    let reached = to;
    for (const revision of this.#history.readEvents(from, to, this.#prefix)) {
      for (const event of revision.events) events.push(event);
      if (events.length >= this.#limits.batchEvents) {
        reached = revision.revision;
        break;
      }
    }
    this.#nextRevision = reached + 1;
    // The past ends here and live delivery begins, in one turn.
    this.#live = reached === head;
    return events.length > 0 ? { events, revision: reached } : undefined;
  }

  #takeQueued(): WatchBatch | undefined {
    if (this.#queue.length > 0) {
      const events: StoreEvent[] = [];
      let taken = 0;
      while (taken < this.#queue.length && events.length < this.#limits.batchEvents) {
        for (const event of this.#queue[taken]?.events ?? []) {
          events.push(event);
          this.#queuedBytes -= event.kv.value.byteLength;
        }
        taken++;
      }
      const revision = this.#queue[taken - 1]?.revision ?? 0;
      this.#queue = this.#queue.slice(taken);
      this.#queuedEvents -= events.length;
      this.#nextRevision = revision + 1;
      return { events, revision };
    }
    if (!this.#progressRequested) return undefined;
    this.#progressRequested = false;
    return { events: [], revision: this.#history.revision() };
  }

  #somethingToDo(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #end(): void {
    this.#queue = [];
    this.#queuedEvents = 0;
    this.#queuedBytes = 0;
    this.#onEnd();
    this.#notify();
  }
}

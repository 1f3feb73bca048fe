/** One running watch: filters, turns leaving a selector into DELETED and entering it into ADDED, and queues with a bound. */
import type { CacheEvent, EventType, Shown } from './cache-event.ts';
import type { Selection } from './selection.ts';
import type { StoredObject } from './stored-object.ts';

export type WatcherItem =
  | Shown
  | { readonly type: 'BOOKMARK'; readonly revision: number; readonly initialEventsEnd: boolean };

/** `expired`: the history was lost, list again. `slow`: too far behind. `ended`: the server stops or the time is up. */
export type WatchEnd = 'expired' | 'slow' | 'ended';

export interface WatcherOptions {
  readonly revision: number;
  readonly bookmarks: boolean;
  readonly queueLimit: number;
  readonly queueLimitBytes: number;
  readonly present?: ((stored: StoredObject) => StoredObject) | undefined;
}

export class Watcher {
  readonly selection: Selection;
  readonly #bookmarks: boolean;
  /** Events up to this revision are older than the watch. */
  readonly #after: number;
  #revision: number;
  readonly #limit: number;
  readonly #limitBytes: number;
  #bytes = 0;
  #queue: WatcherItem[] = [];
  #ended: WatchEnd | undefined;
  #wake: (() => void) | undefined;
  onEnd: (() => void) | undefined;
  /** How objects are shown, when not as they are stored. */
  readonly #present: ((stored: StoredObject) => StoredObject) | undefined;

  constructor(selection: Selection, options: WatcherOptions) {
    this.#present = options.present;
    this.selection = selection;
    this.#after = options.revision;
    this.#revision = options.revision;
    this.#bookmarks = options.bookmarks;
    this.#limit = options.queueLimit;
    this.#limitBytes = options.queueLimitBytes;
  }

  get ended(): WatchEnd | undefined {
    return this.#ended;
  }

  /** Not bounded: the state at the beginning, which is as large as the list would be. */
  begin(items: readonly WatcherItem[]): void {
    for (const item of items) this.#queue.push(item);
    this.#notify();
  }

  offer(event: CacheEvent): void {
    if (this.#ended !== undefined || event.revision <= this.#after) return;
    this.#revision = event.revision;
    const item = this.#translate(event);
    if (item !== undefined) this.#push(item);
  }

  bookmark(revision: number): void {
    if (!this.#bookmarks || this.#ended !== undefined || revision < this.#revision) return;
    this.#revision = revision;
    this.#push({ type: 'BOOKMARK', revision, initialEventsEnd: false });
  }

  /** What was queued before an end is still delivered, except when the watcher was too slow. */
  end(reason: WatchEnd): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    if (reason === 'slow') this.#queue = [];
    this.onEnd?.();
    this.#notify();
  }

  /** All that is queued; waits for the first. Undefined: the watch has ended. */
  async take(): Promise<WatcherItem[] | undefined> {
    while (this.#queue.length === 0) {
      if (this.#ended !== undefined) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.takeNow();
  }

  /** What is queued at the moment, without waiting. */
  takeNow(): WatcherItem[] {
    const items = this.#queue;
    this.#queue = [];
    this.#bytes = 0;
    const present = this.#present;
    if (present === undefined) return items;
    return items.map((item) => (item.type === 'BOOKMARK' ? item : { type: item.type, stored: present(item.stored) }));
  }

  #push(item: WatcherItem): void {
    if (item.type !== 'BOOKMARK') this.#bytes += item.stored.sizeBytes;
    // A single object may be as large as it wants.
    if (this.#queue.length >= this.#limit || (this.#queue.length > 0 && this.#bytes > this.#limitBytes)) {
      this.end('slow');
      return;
    }
    this.#queue.push(item);
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #translate(event: CacheEvent): WatcherItem | undefined {
    const { matches } = this.selection;
    // All watchers without a selector share the event itself.
    if (matches === undefined) return event;
    const before = event.previous !== undefined && matches(event.previous.object);
    const now = event.type !== 'DELETED' && matches(event.stored.object);
    if (now) return shownAs(event, before ? 'MODIFIED' : 'ADDED');
    if (!before || event.previous === undefined) return undefined;
    return event.type === 'DELETED' ? event : { type: 'DELETED', stored: event.previous.at(event.revision) };
  }
}

/** Watchers that see an event as it is share it, and with it the line that is made of it. */
function shownAs(event: CacheEvent, type: EventType): Shown {
  return event.type === type ? event : { type, stored: event.stored };
}

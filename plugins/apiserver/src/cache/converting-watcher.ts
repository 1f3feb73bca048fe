/** A watch of objects that are converted before they are shown, which may take time: events stay in their order. */
import type { CacheEvent } from './cache-event.ts';
import { Watcher, type WatcherItem, type WatcherOptions } from './watcher.ts';
import type { Selection } from './selection.ts';

export class ConvertingWatcher extends Watcher {
  readonly #convert: (event: CacheEvent) => Promise<CacheEvent>;
  readonly #pendingLimit: number;
  #pending = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(selection: Selection, options: WatcherOptions, convert: (event: CacheEvent) => Promise<CacheEvent>) {
    super(selection, options);
    this.#convert = convert;
    this.#pendingLimit = options.queueLimit;
  }

  /** Begins with what is being converted still. */
  beginWith(items: Promise<readonly WatcherItem[]>): void {
    this.#then(async () => this.begin(await items));
  }

  override offer(event: CacheEvent): void {
    this.#then(async () => super.offer(await this.#convert(event)));
  }

  override bookmark(revision: number): void {
    this.#then(() => Promise.resolve(super.bookmark(revision)));
  }

  /** Ends after the events that have come already. */
  finish(): void {
    this.#then(() => Promise.resolve(this.end('ended')));
  }

  #then(step: () => Promise<void>): void {
    if (this.ended !== undefined) return;
    if (this.#pending >= this.#pendingLimit) {
      this.end('slow');
      return;
    }
    this.#pending += 1;
    // Who cannot be shown an event has lost its place.
    this.#last = this.#last.then(step).then(
      () => void (this.#pending -= 1),
      () => this.end('expired'),
    );
  }
}

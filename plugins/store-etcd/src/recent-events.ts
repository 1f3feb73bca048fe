import type { RevisionEvents, WatchHistory } from '@timonel/sdk/contracts/store';

const limitEvents = 50_000;
const limitBytes = 64 * 1024 * 1024;
const cutAfter = 1_000;

/** The latest revisions, in memory: what a watcher that is a little behind needs. The oldest go when it is full. */
export class RecentEvents implements WatchHistory {
  #revisions: RevisionEvents[] = [];
  #dropped = 0;
  #events = 0;
  #bytes = 0;
  #head: number;
  #oldest: number;

  /** @param head the revision after which it begins */
  constructor(head: number) {
    this.#head = head;
    this.#oldest = head + 1;
  }

  revision(): number {
    return this.#head;
  }

  compactedRevision(): number {
    return this.#oldest;
  }

  /** @param revision the one after the head; it may be without events */
  push(revision: RevisionEvents): void {
    this.#head = revision.revision;
    if (revision.events.length === 0) return;
    this.#revisions.push(revision);
    this.#count(revision, 1);
    while (this.#events > limitEvents || this.#bytes > limitBytes) this.#dropOldest();
    // Cut in large steps: shifting for each revision would cost more.
    if (this.#dropped > cutAfter && this.#dropped * 2 > this.#revisions.length) {
      this.#revisions = this.#revisions.slice(this.#dropped);
      this.#dropped = 0;
    }
  }

  *readEvents(from: number, to: number, prefix: string): Iterable<RevisionEvents> {
    for (let at = this.#find(from); at < this.#revisions.length; at++) {
      const revision = this.#revisions[at];
      if (revision === undefined || revision.revision > to) return;
      const events = revision.events.filter((event) => event.kv.key.startsWith(prefix));
      if (events.length > 0) yield { revision: revision.revision, events };
    }
  }

  /** Index of the first revision that is `from` or later. */
  #find(from: number): number {
    let low = this.#dropped;
    let high = this.#revisions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#revisions[middle]?.revision ?? Infinity) < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #dropOldest(): void {
    const oldest = this.#revisions[this.#dropped++];
    if (oldest === undefined) return;
    this.#count(oldest, -1);
    this.#oldest = oldest.revision + 1;
  }

  #count(revision: RevisionEvents, sign: 1 | -1): void {
    this.#events += sign * revision.events.length;
    for (const event of revision.events) {
      this.#bytes += sign * (event.kv.value.byteLength + (event.prevKv?.value.byteLength ?? 0));
    }
  }
}

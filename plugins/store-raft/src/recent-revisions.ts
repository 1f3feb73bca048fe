import type { RevisionEvents } from '@timonel/sdk/contracts/store';

/** The latest revisions in memory, so that a watcher which is a little behind does not read the disk. */
export class RecentRevisions {
  readonly #limitEvents: number;
  readonly #limitBytes: number;
  #revisions: RevisionEvents[] = [];
  #dropped = 0;
  #events = 0;
  #bytes = 0;

  constructor(limitEvents: number, limitBytes: number) {
    this.#limitEvents = limitEvents;
    this.#limitBytes = limitBytes;
  }

  push(revision: RevisionEvents): void {
    this.#revisions.push(revision);
    this.#count(revision, 1);
    while (this.#events > this.#limitEvents || this.#bytes > this.#limitBytes) {
      const oldest = this.#revisions[this.#dropped];
      if (oldest === undefined) break;
      this.#count(oldest, -1);
      this.#dropped++;
    }
    // Cut in large steps: shifting for each revision would cost more.
    if (this.#dropped > 1_000 && this.#dropped * 2 > this.#revisions.length) {
      this.#revisions = this.#revisions.slice(this.#dropped);
      this.#dropped = 0;
    }
  }

  clear(): void {
    this.#revisions = [];
    this.#dropped = 0;
    this.#events = 0;
    this.#bytes = 0;
  }

  /** Revisions `from` to `to`; undefined when `from` is not held any more. */
  read(from: number, to: number): readonly RevisionEvents[] | undefined {
    const first = this.#revisions[this.#dropped]?.revision;
    if (first === undefined || from < first) return undefined;
    const start = this.#dropped + from - first;
    return this.#revisions.slice(start, start + to - from + 1);
  }

  #count(revision: RevisionEvents, sign: 1 | -1): void {
    this.#events += sign * revision.events.length;
    for (const event of revision.events) {
      this.#bytes += sign * (event.kv.value.byteLength + (event.prevKv?.value.byteLength ?? 0));
    }
  }
}

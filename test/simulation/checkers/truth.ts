import type { Change, KeyValue } from '../workload/operation.ts';
import type { Report } from './consensus.ts';

/** A change as the first member applied it. */
export interface TrueChange {
  readonly change: Change;
  /** Which write made it: `client/number`. */
  readonly origin: string;
  /** Place in the order of the history. */
  readonly committedAt: number;
}

/** The one sequence of changes that the group agreed on, in the order of revisions, from revision 2 on. */
export class Truth {
  readonly changes: TrueChange[] = [];
  readonly #origins = new Map<string, number>();
  readonly #versions = new Map<string, (KeyValue & { readonly live: boolean })[]>();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  get revision(): number {
    return this.changes.length + 1;
  }

  /** Exactly-once: no write makes two changes, whatever was retried. */
  add(change: Change, origin: string, committedAt: number): void {
    if (change.revision !== this.revision + 1) {
      this.#report(`revisions: ${change.revision} follows ${this.revision}`);
      return;
    }
    const before = this.#origins.get(origin);
    if (before !== undefined) {
      this.#report(`exactly once: write ${origin} made revision ${before} and again ${change.revision}`);
    }
    this.#origins.set(origin, change.revision);
    this.changes.push({ change, origin, committedAt });
    for (const { type, kv } of change.events) {
      const versions = this.#versions.get(kv.key) ?? [];
      versions.push({ ...kv, live: type === 'put' });
      this.#versions.set(kv.key, versions);
    }
  }

  revisionOf(origin: string): number | undefined {
    return this.#origins.get(origin);
  }

  at(revision: number): TrueChange | undefined {
    return this.changes[revision - 2];
  }

  /** What a read of this range at this revision has to give. */
  read(from: string, to: string, revision: number): readonly KeyValue[] {
    const kvs: KeyValue[] = [];
    for (const [key, versions] of this.#versions) {
      if (key < from || key >= to) continue;
      const last = versions.findLast((version) => version.modRevision <= revision);
      if (last === undefined || !last.live) continue;
      const { live: _, ...kv } = last;
      kvs.push(kv);
    }
    return kvs.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }
}

import { compareKeys, type KeyValue, type Lease, type RevisionEvents } from '@timonel/sdk/contracts/store';

/** A key that came to hang on a lease, or hangs on it no more. */
export interface LeaseKeyChange {
  readonly leaseId: number;
  readonly key: string;
  readonly added: boolean;
}

/**
 * What has been applied and is not in the state file yet: present versions (undefined: deleted), whole revisions without a
 * gap, leases. The log makes it durable until a checkpoint writes it to the file.
 */
export class Overlay {
  readonly current: Map<string, KeyValue | undefined> = new Map<string, KeyValue | undefined>();
  readonly revisions: RevisionEvents[] = [];
  readonly leases: Map<number, Lease | undefined> = new Map<number, Lease | undefined>();
  readonly leaseKeys: LeaseKeyChange[] = [];
  #bytes = 0;
  #events = 0;
  #sorted: string[] | undefined;

  /** About what it holds, for bounds. */
  get bytes(): number {
    return this.#bytes;
  }

  get events(): number {
    return this.#events;
  }

  get isEmpty(): boolean {
    return this.#events === 0 && this.leases.size === 0;
  }

  add(revision: RevisionEvents): void {
    this.revisions.push(revision);
    this.#events += revision.events.length;
    for (const { type, kv } of revision.events) {
      if (!this.current.has(kv.key)) this.#sorted = undefined;
      this.current.set(kv.key, type === 'put' ? kv : undefined);
      this.#bytes += 200 + kv.value.byteLength;
    }
  }

  /** The revision's events; undefined when it is not in here. */
  at(revision: number): RevisionEvents | undefined {
    const first = this.revisions[0];
    return first === undefined ? undefined : this.revisions[revision - first.revision];
  }

  /** Its keys with this prefix, from `start` on, in order. */
  keys(prefix: string, start: string): string[] {
    if (this.current.size === 0) return [];
    this.#sorted ??= [...this.current.keys()].sort(compareKeys);
    const sorted = this.#sorted;
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(sorted[middle] ?? '', start) < 0) low = middle + 1;
      else high = middle;
    }
    let end = low;
    while (sorted[end]?.startsWith(prefix) === true) end++;
    return sorted.slice(low, end);
  }
}

import { entryBytes } from './entry-size.ts';
import type { Entry, MemberId, SnapshotMeta } from './types.ts';

/** A snapshot on its way to one follower. */
export interface SnapshotStream {
  /** undefined until the driver has chosen one. */
  meta: SnapshotMeta | undefined;
  /** The follower has so many bytes. */
  acked: number;
  /** The driver was asked for all before this offset. */
  next: number;
  /** Nothing is asked for until the next heartbeat: there was no snapshot. */
  waiting: boolean;
  /** `acked` at the last heartbeat: no change since then means that something was lost. */
  ackedAtHeartbeat: number;
}

/**
 * What a leader knows of one other member (figure 2: matchIndex, nextIndex).
 * probe: where the logs meet is not known; one message, then wait. replicate: entries are sent ahead of the answers.
 * snapshot: what it needs is not in the log any more.
 */
export class Progress {
  readonly id: MemberId;
  state: 'probe' | 'replicate' | 'snapshot' = 'probe';
  match = 0;
  next: number;
  /** Tick of its last answer. */
  lastActive: number;
  /** Greatest read round it answered. */
  round = 0;
  /** Commit index it was last told. */
  sentCommit = 0;
  /** In probe: a message is on its way. Cleared by its answer or a heartbeat's. */
  probeSent = false;
  /** Find out by a message without entries whether what was sent has arrived. */
  sendEmpty = true;
  stream: SnapshotStream | undefined;
  #inflight: { readonly lastIndex: number; readonly entries: number; readonly bytes: number }[] = [];
  #inflightEntries = 0;
  #inflightBytes = 0;

  constructor(id: MemberId, next: number, lastActive: number) {
    this.id = id;
    this.next = next;
    this.lastActive = lastActive;
  }

  get inflightEntries(): number {
    return this.#inflightEntries;
  }
  get inflightBytes(): number {
    return this.#inflightBytes;
  }

  becomeProbe(next: number): void {
    this.state = 'probe';
    this.next = next;
    this.#clear();
  }

  becomeReplicate(): void {
    this.state = 'replicate';
    this.next = this.match + 1;
    this.#clear();
  }

  becomeSnapshot(): void {
    this.state = 'snapshot';
    this.#clear();
    this.stream = { meta: undefined, acked: 0, next: 0, waiting: false, ackedAtHeartbeat: -1 };
  }

  #clear(): void {
    this.probeSent = false;
    this.sendEmpty = false;
    this.stream = undefined;
    this.#inflight = [];
    this.#inflightEntries = 0;
    this.#inflightBytes = 0;
  }

  /** These entries are on their way. */
  sent(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (this.state === 'probe') this.probeSent = true;
    if (this.state !== 'replicate' || last === undefined) return;
    let bytes = 0;
    for (const entry of entries) bytes += entryBytes(entry);
    this.#inflight.push({ lastIndex: last.index, entries: entries.length, bytes });
    this.#inflightEntries += entries.length;
    this.#inflightBytes += bytes;
    this.next = last.index + 1;
  }

  /** Answered up to `index`: whether that is news. */
  accepted(index: number): boolean {
    while (this.#inflight.length > 0 && (this.#inflight[0]?.lastIndex as number) <= index) {
      const first = this.#inflight.shift();
      this.#inflightEntries -= first?.entries ?? 0;
      this.#inflightBytes -= first?.bytes ?? 0;
    }
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    return true;
  }
}

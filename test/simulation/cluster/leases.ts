import type { Member } from './member.ts';
import type { MemberProcess } from './process.ts';

/** A proposal to end a lease may be lost: it is made again after so long. */
const retryMs = 100;

/**
 * When each lease ends, as its leader sees it. Only the leader counts the time, by its monotonic clock, and a new one gives every
 * lease its full time again: how long a lease has left is in no log. A lease ends by an entry in the log, nowhere else.
 */
export class Leases {
  readonly #process: MemberProcess;
  readonly #member: Member;
  readonly #deadlines = new Map<number, number>();
  readonly #ending = new Set<number>();
  /** The term for which the deadlines are. */
  #term: number | undefined;

  constructor(process: MemberProcess, member: Member) {
    this.#process = process;
    this.#member = member;
  }

  /** The state went on, or the role changed. `term`: in which it leads and has applied all that was committed before. */
  update(term: number | undefined): void {
    if (term !== this.#term) {
      this.#term = term;
      this.#deadlines.clear();
      this.#ending.clear();
    }
    if (term === undefined) return;
    const { leases } = this.#process.machine;
    if (leases.size === 0 && this.#deadlines.size === 0) return;
    for (const id of this.#deadlines.keys()) if (!leases.has(id)) this.#forget(id);
    for (const [id, ttlMs] of leases) if (!this.#deadlines.has(id)) this.#begin(id, ttlMs);
  }

  /** Gives the lease its full time again. Only after others have confirmed that this member led when it was asked to. */
  keepAlive(id: number): 'kept' | 'ended' | 'notHere' {
    const ttlMs = this.#process.machine.leases.get(id);
    if (this.#process.raft.status().role !== 'leader' || this.#term === undefined) return 'notHere';
    if (ttlMs === undefined) return 'ended';
    // One that ran out does not come back, even before its end is in the log.
    if (this.#ending.has(id) || (this.#deadlines.get(id) ?? 0) <= this.#nowMs()) return 'notHere';
    this.#deadlines.set(id, this.#nowMs() + ttlMs);
    return 'kept';
  }

  #begin(id: number, ttlMs: number): void {
    this.#deadlines.set(id, this.#nowMs() + ttlMs);
    this.#check(id, this.#term, ttlMs);
  }

  #check(id: number, term: number | undefined, inMs: number): void {
    this.#member.after(inMs, () => {
      const deadlineMs = this.#deadlines.get(id);
      if (deadlineMs === undefined || term === undefined || term !== this.#term) return;
      const leftMs = deadlineMs - this.#nowMs();
      if (leftMs <= 0) this.#end(id, term);
      this.#check(id, term, leftMs > 0 ? Math.max(1, leftMs) : retryMs);
    });
  }

  #end(id: number, term: number): void {
    this.#ending.add(id);
    const origin = this.#member.observer.expires(this.#member.id, id, term);
    this.#process.command({ origin, operation: { type: 'expire', leaseId: id, term } });
  }

  #forget(id: number): void {
    this.#deadlines.delete(id);
    this.#ending.delete(id);
  }

  #nowMs(): number {
    return this.#member.clock.monotonic();
  }
}

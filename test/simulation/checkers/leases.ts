import type { HistoryEntry } from '../workload/history.ts';
import type { Report } from './consensus.ts';

interface End {
  readonly ranOut: boolean;
  /** Place in the order of the history. */
  readonly at: number;
  readonly atMs: number;
}

/** When each lease ended: when the first member applied the entry that ends it. */
export class LeaseEnds {
  readonly #ends = new Map<number, End>();
  readonly #now: () => Omit<End, 'ranOut'>;

  constructor(now: () => Omit<End, 'ranOut'>) {
    this.#now = now;
  }

  /** true: no member had ended it before. */
  ended(leaseId: number, ranOut: boolean): boolean {
    if (this.#ends.has(leaseId)) return false;
    this.#ends.set(leaseId, { ranOut, ...this.#now() });
    return true;
  }

  of(leaseId: number): End | undefined {
    return this.#ends.get(leaseId);
  }
}

/**
 * Safety of leases: one that a client was told to have, granted or kept alive, does not run out before its time from then on,
 * whoever leads meanwhile. `fastestClock`: how much faster than true time a member may count.
 */
export function checkLeases(
  history: readonly HistoryEntry[],
  ends: LeaseEnds,
  fastestClock: number,
  report: Report,
): void {
  const ttls = new Map<number, number>();
  for (const { operation, returned } of history) {
    if (operation.type === 'grant' && returned !== undefined) ttls.set(returned.answer.lease ?? 0, operation.ttlMs);
  }
  for (const entry of history) {
    const { operation, returned, calledAt, calledAtMs } = entry;
    if (operation.type !== 'grant' && operation.type !== 'keepAlive') continue;
    const leaseId = returned?.answer.lease ?? 0;
    const end = ends.of(leaseId);
    if (leaseId === 0 || end === undefined) continue;
    if (end.at < calledAt) {
      report(`lease ${leaseId} was kept alive after its end at ${end.atMs} ms: ${JSON.stringify(entry)}`);
      return;
    }
    const promisedMs = calledAtMs + (ttls.get(leaseId) ?? 0) / fastestClock;
    if (end.ranOut && end.atMs < promisedMs) {
      report(`lease ${leaseId} ran out at ${end.atMs} ms, promised until ${promisedMs}: ${JSON.stringify(entry)}`);
      return;
    }
  }
}

/** How many leases were kept alive at two members at least: their leader changed, and they lived on. */
export function keptBySeveral(history: readonly HistoryEntry[]): number {
  const keepers = new Map<number, Set<string>>();
  for (const { operation, returned } of history) {
    if (operation.type !== 'keepAlive' || returned === undefined || returned.answer.lease === 0) continue;
    keepers.set(operation.leaseId, (keepers.get(operation.leaseId) ?? new Set()).add(returned.member));
  }
  return [...keepers.values()].filter((members) => members.size > 1).length;
}

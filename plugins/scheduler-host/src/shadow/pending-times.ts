/**
 * How long pods wait under each of two schedulers: from the first time the pod was seen to the decision that binds it. What the candidate
 * decides comes to nothing, so its pods are followed only as long as they wait in reality.
 */
import type { PendingTimes } from '@timonel/sdk/contracts/scheduler-shadow';
import { RecentValues } from './recent-values.ts';

interface Waiting {
  readonly sinceMs: number;
  candidateBinds: boolean;
}

export class PendingTimesOfTwo {
  readonly #limit: number;
  readonly #waiting = new Map<string, Waiting>();
  readonly #live = new RecentValues();
  readonly #candidate = new RecentValues();
  /** Pods that only the one in charge found a node for, and that are gone from here. */
  #leftWaiting = 0;

  /** `limit`: pods followed; of more the oldest are forgotten. */
  constructor(limit: number = 20_000) {
    this.#limit = limit;
  }

  /** `liveMs`, `candidateMs`: when each bound it; undefined: it did not. */
  decided(uid: string, atMs: number, liveMs: number | undefined, candidateMs: number | undefined): void {
    const known = this.#waiting.get(uid) ?? { sinceMs: atMs, candidateBinds: false };
    if (candidateMs !== undefined && !known.candidateBinds) {
      known.candidateBinds = true;
      this.#candidate.add(candidateMs - known.sinceMs);
    }
    if (liveMs === undefined) {
      this.#keep(uid, known);
      return;
    }
    this.#waiting.delete(uid);
    this.#live.add(liveMs - known.sinceMs);
    if (!known.candidateBinds) this.#leftWaiting += 1;
  }

  /** It is gone, or was decided about unseen. */
  forget(uid: string): void {
    this.#waiting.delete(uid);
  }

  get figures(): { readonly live: PendingTimes; readonly candidate: PendingTimes } {
    let candidateWaits = this.#leftWaiting;
    for (const { candidateBinds } of this.#waiting.values()) if (!candidateBinds) candidateWaits += 1;
    return {
      live: timesOf(this.#live, this.#waiting.size),
      candidate: timesOf(this.#candidate, candidateWaits),
    };
  }

  #keep(uid: string, waiting: Waiting): void {
    this.#waiting.set(uid, waiting);
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > this.#limit && oldest !== undefined) this.#waiting.delete(oldest);
  }
}

function timesOf(values: RecentValues, waiting: number): PendingTimes {
  const [p50Ms = 0, p99Ms = 0] = values.quantiles(0.5, 0.99);
  return { bound: values.count, p50Ms, p99Ms, waiting };
}

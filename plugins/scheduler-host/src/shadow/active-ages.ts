/** How long pods have been in the active queue, by looking at it from time to time. */
import type { WaitingPod } from '../queue/waiting-pod.ts';

interface Seen {
  readonly attempts: number;
  readonly sinceMs: number;
}

export class ActiveAges {
  readonly #limit: number;
  #seen: ReadonlyMap<string, Seen> = new Map();

  /** `limit`: pods that are followed; with more of them active, the first ones are. */
  constructor(limit: number = 10_000) {
    this.#limit = limit;
  }

  /** Of the pod that has been active longest since its last attempt, in ms; 0: none is. As exact as looks are frequent. */
  look(nowMs: number, waiting: Iterable<Pick<WaitingPod, 'uid' | 'place' | 'attempts'>>): number {
    const seen = new Map<string, Seen>();
    let oldestMs = nowMs;
    for (const { uid, place, attempts } of waiting) {
      if (place !== 'active') continue;
      const before = this.#seen.get(uid);
      const now = before?.attempts === attempts ? before : { attempts, sinceMs: nowMs };
      seen.set(uid, now);
      if (now.sinceMs < oldestMs) oldestMs = now.sinceMs;
      if (seen.size >= this.#limit) break;
    }
    this.#seen = seen;
    return nowMs - oldestMs;
  }
}

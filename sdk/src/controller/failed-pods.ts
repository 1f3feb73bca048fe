/**
 * When a pod that failed may be replaced: the first of its place at once, those after it later and later, so that a place where every
 * pod fails costs little. A failure is a pod that was seen failed, told by its uid: to be asked twice about it changes nothing.
 */
interface Failures {
  readonly uid: string;
  readonly dueMs: number;
  /** What the next failure waits for. */
  readonly nextDelayMs: number;
}

const placesLimit = 8192;
const firstDelayMs = 1000;

export class FailedPods {
  readonly #limitMs: number;
  readonly #places = new Map<string, Failures>();

  /** No failure waits longer than `limitMs`; a place that was well for twice that time begins anew. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** When the failed pod of that uid at that place may be replaced, ms since the epoch. */
  dueMs(place: string, uid: string, nowMs: number): number {
    const before = this.#places.get(place);
    if (before?.uid === uid) return before.dueMs;
    const isFresh = before === undefined || nowMs - before.dueMs > 2 * this.#limitMs;
    const dueMs = isFresh ? nowMs : Math.max(nowMs, before.dueMs + before.nextDelayMs);
    const nextDelayMs = isFresh ? firstDelayMs : Math.min(2 * before.nextDelayMs, this.#limitMs);
    this.#places.delete(place);
    this.#places.set(place, { uid, dueMs, nextDelayMs });
    // Beyond the bound the place that failed the longest ago is forgotten: its next pod is replaced at once.
    if (this.#places.size > placesLimit) this.#places.delete(this.#places.keys().next().value ?? '');
    return dueMs;
  }
}

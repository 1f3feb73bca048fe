/**
 * When a pod that failed may be replaced: the first of its place at once, those after it later and later, so that a place where every
 * pod fails costs little. A failure is a pod that was seen failed, told by its uid: to be asked twice about it changes nothing.
 */
interface Failure {
  readonly uid: string;
  readonly dueMs: number;
  readonly delayMs: number;
}

interface Place {
  /** The last ones, the newest first. */
  readonly failures: readonly Failure[];
  /** What the next failure waits for. */
  readonly nextDelayMs: number;
}

const placesLimit = 8192;
/** Failed pods of one place that are told apart. */
const failuresLimit = 8;
const firstDelayMs = 1000;
const anew: Place = { failures: [], nextDelayMs: 0 };

export class FailedPods {
  readonly #limitMs: number;
  readonly #places = new Map<string, Place>();

  /** No failure waits longer than `limitMs`; a place that was well for twice that time begins anew. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** When the failed pod of that uid at that place may be replaced, ms since the epoch. */
  dueMs(name: string, uid: string, nowMs: number): number {
    const place = this.#places.get(name);
    const known = place?.failures.find((failure) => failure.uid === uid);
    if (place !== undefined && known !== undefined) return this.#asBefore(name, place, known, nowMs);
    const { failures, nextDelayMs } = place === undefined || this.#wasWell(place, nowMs) ? anew : place;
    const lastMs = failures[0]?.dueMs ?? nowMs;
    // A clock that was set back must not add to the wait.
    const delayMs = Math.min(Math.max(0, lastMs + nextDelayMs - nowMs), nextDelayMs);
    const failure = { uid, dueMs: nowMs + delayMs, delayMs };
    this.#places.delete(name);
    this.#places.set(name, {
      failures: [failure, ...failures].slice(0, failuresLimit),
      nextDelayMs: nextDelayMs === 0 ? firstDelayMs : Math.min(2 * nextDelayMs, this.#limitMs),
    });
    // Beyond the bound the place that failed the longest ago is forgotten: its next pod is replaced at once.
    if (this.#places.size > placesLimit) this.#places.delete(this.#places.keys().next().value ?? '');
    return failure.dueMs;
  }

  #wasWell({ failures: [last] }: Place, nowMs: number): boolean {
    return last === undefined || nowMs - last.dueMs > 2 * this.#limitMs;
  }

  #asBefore(name: string, place: Place, failure: Failure, nowMs: number): number {
    const { uid, dueMs, delayMs } = failure;
    if (dueMs - nowMs <= delayMs) return dueMs;
    // The clock was set back: the wait begins anew.
    const again = { ...failure, dueMs: nowMs + delayMs };
    const failures = place.failures.map((one) => (one.uid === uid ? again : one));
    this.#places.set(name, { ...place, failures });
    return again.dueMs;
  }
}

/** What the scheduler in charge has done since it took charge. Pure: time comes in. */
import { RecentValues } from './recent-values.ts';

/** The first batches of a scheduler fill its tables: they tell nothing about the others. */
const warmUpBatches = 3;

/** Quantiles of decision times. */
export interface PaceFigures {
  readonly batches: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perPodP50Ms: number;
  readonly perPodP99Ms: number;
}

/** The heap after full collections. */
export interface HeapFigures {
  readonly collections: number;
  readonly grownBytes: number;
  /** Pods decided about meanwhile. */
  readonly pods: number;
}

export class SchedulerFigures {
  readonly sinceMs: number;
  readonly #batchMs = new RecentValues();
  readonly #podMs = new RecentValues();
  #batches = 0;
  #pods = 0;
  #longestMs = 0;
  #failed = { count: 0, last: '' };
  #refused = { count: 0, last: '' };
  #bindings = { written: 0, failed: 0, last: '' };
  #pendingMs = 0;
  readonly #pendingRecently = new RecentValues();
  #heap: { readonly bytes: number; readonly pods: number } | undefined;
  #heapNow = { bytes: 0, pods: 0, collections: 0 };

  constructor(sinceMs: number) {
    this.sinceMs = sinceMs;
  }

  decided(pods: number, ms: number): void {
    this.#took(ms);
    this.#pods += pods;
    if (this.#batches <= warmUpBatches || pods === 0) return;
    this.#batchMs.add(ms);
    this.#podMs.add(ms / pods);
  }

  /** A batch has no answer yet. */
  underWay(nowMs: number, askedMs: number): void {
    this.#longestMs = Math.max(this.#longestMs, nowMs - Math.max(askedMs, this.sinceMs));
  }

  /** A batch without an answer, or with a useless one. */
  batchFailed(ms: number, reason: string): void {
    this.#took(ms);
    this.#failed = { count: this.#failed.count + 1, last: reason };
  }

  /** A decision that could not be acted on, by fault of the scheduler. */
  decisionRefused(reason: string): void {
    this.#refused = { count: this.#refused.count + 1, last: reason };
  }

  bound(): void {
    this.#bindings.written += 1;
  }

  bindFailed(reason: string): void {
    this.#bindings.failed += 1;
    this.#bindings.last = reason;
  }

  /** To be called about once a second. `longestMs`: how long a pod has been in the active queue at most. */
  pending(nowMs: number, longestMs: number): void {
    this.#pendingMs = Math.min(longestMs, nowMs - this.sinceMs);
    this.#pendingRecently.add(this.#pendingMs);
  }

  /** Bytes in use after a full collection. */
  heapFloor(bytes: number): void {
    this.#heap ??= { bytes, pods: this.#pods };
    this.#heapNow = { bytes, pods: this.#pods, collections: this.#heapNow.collections + 1 };
  }

  get pace(): PaceFigures {
    const [p50Ms = 0, p99Ms = 0] = this.#batchMs.quantiles(0.5, 0.99);
    const [perPodP50Ms = 0, perPodP99Ms = 0] = this.#podMs.quantiles(0.5, 0.99);
    return { batches: this.#batchMs.count, p50Ms, p99Ms, perPodP50Ms, perPodP99Ms };
  }

  get longestMs(): number {
    return this.#longestMs;
  }

  get failed(): { readonly count: number; readonly last: string } {
    return this.#failed;
  }

  get refused(): { readonly count: number; readonly last: string } {
    return this.#refused;
  }

  get bindings(): { readonly written: number; readonly failed: number; readonly last: string } {
    return this.#bindings;
  }

  /** `most`: of the last quarter of an hour. */
  get pendingMs(): { readonly now: number; readonly most: number } {
    return { now: this.#pendingMs, most: this.#pendingRecently.quantiles(1)[0] ?? 0 };
  }

  get heap(): HeapFigures {
    const { bytes, pods, collections } = this.#heapNow;
    return {
      collections,
      grownBytes: bytes - (this.#heap?.bytes ?? bytes),
      pods: pods - (this.#heap?.pods ?? pods),
    };
  }

  #took(ms: number): void {
    this.#batches += 1;
    this.#longestMs = Math.max(this.#longestMs, ms);
  }
}

/** Batches that wait for the candidate: so many, with so many pods. */
import type { Decision, PodInfo } from '@timonel/sdk/contracts/scheduler';
import type { RowsAtMoment } from './shadow-snapshot.ts';

export interface ObservedBatch {
  readonly pods: readonly PodInfo[];
  readonly rows: RowsAtMoment;
  /** Monotonic ms at which the scheduler in charge was asked. */
  readonly atMs: number;
  readonly live: readonly Decision[];
  readonly liveMs: number;
}

export class Backlog {
  readonly #maxBatches: number;
  readonly #maxPods: number;
  #batches: ObservedBatch[] = [];
  #pods = 0;

  constructor(limits: { readonly maxBatches: number; readonly maxPods: number }) {
    this.#maxBatches = limits.maxBatches;
    this.#maxPods = limits.maxPods;
  }

  get size(): number {
    return this.#batches.length;
  }

  /** A batch that is too large for every backlog has room in an empty one. */
  hasRoom(pods: number): boolean {
    return this.size === 0 || (this.size < this.#maxBatches && this.#pods + pods <= this.#maxPods);
  }

  push(batch: ObservedBatch): void {
    this.#batches.push(batch);
    this.#pods += batch.pods.length;
  }

  shift(): ObservedBatch | undefined {
    const batch = this.#batches.shift();
    this.#pods -= batch?.pods.length ?? 0;
    return batch;
  }

  clear(): void {
    this.#batches = [];
    this.#pods = 0;
  }
}

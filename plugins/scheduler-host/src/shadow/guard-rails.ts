/** When a scheduler that was swapped in is no good: figures of it against limits, and against those of the one before. */
import type { PaceFigures, SchedulerFigures } from './scheduler-figures.ts';

export interface GuardRailLimits {
  /** So many times slower than the one before: by batch and by pod, so that batches of another size are no reason. */
  readonly slowdown: number;
  /** Batches before the median counts, and the median under which it does not matter. */
  readonly medianBatches: number;
  readonly medianFloorMs: number;
  /** The same for the 99th percentile. */
  readonly tailBatches: number;
  readonly tailFloorMs: number;
  /** The longest that any batch may take. */
  readonly batchLimitMs: number;
  /** Batches without a usable answer. */
  readonly failedBatches: number;
  /** Decisions that the host refused to act on. */
  readonly refusedDecisions: number;
  /** Bindings that failed: so many, and this share of all. */
  readonly bindErrors: number;
  readonly bindErrorShare: number;
  /** How long a pod may wait for a decision; and so many times the longest wait under the one before. */
  readonly pendingMs: number;
  readonly pendingFactor: number;
  /** Growth of what full collections leave on the heap, in all and for each pod decided about. */
  readonly leakBytes: number;
  readonly leakBytesPerPod: number;
}

export const guardRailDefaults: GuardRailLimits = Object.freeze({
  slowdown: 5,
  medianBatches: 20,
  medianFloorMs: 2,
  tailBatches: 200,
  tailFloorMs: 50,
  batchLimitMs: 5000,
  failedBatches: 3,
  refusedDecisions: 3,
  bindErrors: 5,
  bindErrorShare: 0.2,
  pendingMs: 20_000,
  pendingFactor: 2,
  leakBytes: 128 * 2 ** 20,
  leakBytesPerPod: 64 * 2 ** 10,
});

/** A full collection or two say nothing about a trend. */
const leakCollections = 3;

const inMs = (ms: number): string => `${ms < 10 ? ms.toFixed(2) : String(Math.round(ms))} ms`;
const inMiB = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

type Figures = SchedulerFigures;

/** Why the scheduler is unfit; undefined: nothing speaks against it. `before`: of the one before, if it has decided anything. */
export function unfitBecause(now: Figures, before: Figures | undefined, limits: GuardRailLimits): string | undefined {
  return (
    stuck(now, limits) ??
    wrong(now, limits) ??
    (before === undefined ? undefined : slower(now.pace, before.pace, limits)) ??
    bindErrors(now, before, limits) ??
    starving(now, before, limits) ??
    leaking(now, limits)
  );
}

function stuck({ longestMs, failed }: Figures, { batchLimitMs, failedBatches }: GuardRailLimits): string | undefined {
  if (longestMs > batchLimitMs) return `a batch of pods took ${inMs(longestMs)}, more than ${inMs(batchLimitMs)}`;
  if (failed.count < failedBatches) return undefined;
  return `${failed.count} batches of pods got no usable answer, the last one: ${failed.last}`;
}

function wrong({ refused }: Figures, { refusedDecisions }: GuardRailLimits): string | undefined {
  if (refused.count < refusedDecisions) return undefined;
  return `${refused.count} of its decisions could not be acted on, the last one: it ${refused.last}`;
}

function slower(now: PaceFigures, before: PaceFigures, limits: GuardRailLimits): string | undefined {
  const { slowdown, medianBatches, medianFloorMs, tailBatches, tailFloorMs } = limits;
  const rules = [
    { what: 'median', after: medianBatches, floorMs: medianFloorMs, batch: 'p50Ms', pod: 'perPodP50Ms' },
    { what: '99th percentile', after: tailBatches, floorMs: tailFloorMs, batch: 'p99Ms', pod: 'perPodP99Ms' },
  ] as const;
  for (const { what, after, floorMs, batch, pod } of rules) {
    if (now.batches < after || before.batches < after || now[batch] <= floorMs) continue;
    if (now[batch] <= slowdown * before[batch] || now[pod] <= slowdown * before[pod]) continue;
    const factor = Math.round(now[pod] / Math.max(before[pod], 1e-6));
    return `its decisions take ${factor} times as long as before: ${what} of a batch ${inMs(now[batch])} (before: ${inMs(before[batch])}), of a pod ${inMs(now[pod])} (${inMs(before[pod])})`;
  }
  return undefined;
}

function bindErrors(now: Figures, before: Figures | undefined, limits: GuardRailLimits): string | undefined {
  const shareOf = (figures: Figures | undefined): number => {
    const { written = 0, failed = 0 } = figures?.bindings ?? {};
    return failed === 0 ? 0 : failed / (written + failed);
  };
  const { written, failed, last } = now.bindings;
  const share = shareOf(now);
  if (failed < limits.bindErrors || share <= limits.bindErrorShare || share <= 2 * shareOf(before)) return undefined;
  return `${failed} of ${written + failed} bindings failed, the last one: ${last}`;
}

function starving(now: Figures, before: Figures | undefined, limits: GuardRailLimits): string | undefined {
  const usualMs = before?.pendingMs.most ?? 0;
  const { now: waitsMs } = now.pendingMs;
  if (waitsMs <= limits.pendingMs || waitsMs <= limits.pendingFactor * usualMs) return undefined;
  return `a pod has waited ${inMs(waitsMs)} for a decision (longest before: ${inMs(usualMs)})`;
}

function leaking({ heap: { collections, grownBytes, pods } }: Figures, limits: GuardRailLimits): string | undefined {
  if (collections < leakCollections || grownBytes <= limits.leakBytes) return undefined;
  if (grownBytes <= limits.leakBytesPerPod * pods) return undefined;
  return `the heap has grown by ${inMiB(grownBytes)} over ${collections} full collections and ${pods} decided pods`;
}

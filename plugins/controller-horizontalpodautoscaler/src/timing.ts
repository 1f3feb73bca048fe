/** When an autoscaler is looked at. */
import { jsonEqual, timestampMs } from '@timonel/sdk/controller';
import type { HorizontalPodAutoscaler } from '@timonel/sdk/kube';
import type { Memory } from './memory.ts';

export interface Moment {
  /** ms since the epoch. */
  readonly nowMs: number;
  readonly monotonicMs: number;
  readonly syncPeriodMs: number;
}

/**
 * How long to wait until the next decision; 0: it is due. Decisions are a period apart, so that rates hold and metrics can follow;
 * only a new spec is looked at earlier, when nothing was scaled a moment ago.
 */
export function waitMs(autoscaler: HorizontalPodAutoscaler, memory: Memory, moment: Moment): number {
  const { nowMs, monotonicMs, syncPeriodMs } = moment;
  if (memory.seen === undefined) {
    // Another process may have scaled a moment ago.
    const scaledMs = timestampMs(autoscaler.status?.lastScaleTime);
    const restMs = scaledMs === undefined ? 0 : scaledMs + syncPeriodMs - nowMs;
    return restMs > 0 && restMs <= syncPeriodMs ? restMs : 0;
  }
  const restMs = Math.max(0, memory.seen.atMs + syncPeriodMs - monotonicMs);
  const scaledLately = memory.changes.some(({ atMs }) => atMs > monotonicMs - syncPeriodMs);
  return scaledLately || jsonEqual(memory.seen.spec, autoscaler.spec) ? restMs : 0;
}

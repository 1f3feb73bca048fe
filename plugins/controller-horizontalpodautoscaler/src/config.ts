import { z } from 'zod';

/** Times and bounds of the algorithm. */
export interface AutoscalerConfig {
  readonly syncPeriodMs: number;
  readonly metricTimeoutMs: number;
  readonly tolerance: number;
  readonly cpuInitializationPeriodMs: number;
  readonly initialReadinessDelayMs: number;
  readonly downscaleStabilizationMs: number;
}

const ms = z.number().int().min(0).max(3_600_000);

export const autoscalerConfig: z.ZodType<AutoscalerConfig> = z.strictObject({
  /** Each autoscaler is looked at so often. */
  syncPeriodMs: z.number().int().min(100).max(3_600_000).default(15_000),
  /** How long a metric may take to be answered. */
  metricTimeoutMs: z.number().int().min(10).max(600_000).default(10_000),
  /** The part by which usage may miss its target before anything is scaled, where the autoscaler does not say. */
  tolerance: z.number().min(0).max(10).default(0.1),
  /** So long after the start of a pod, its cpu counts only while it is ready. */
  cpuInitializationPeriodMs: ms.default(300_000),
  /** A pod that has not become ready within this time after its start counts as not ready for the first time. */
  initialReadinessDelayMs: ms.default(30_000),
  /** Nothing is scaled below what was recommended within this time, where the autoscaler does not say. */
  downscaleStabilizationMs: ms.default(300_000),
});

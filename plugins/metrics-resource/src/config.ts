import { z } from 'zod';

export interface ResourceMetricsConfig {
  readonly intervalMs: number;
  readonly firstIntervalMs: number;
  readonly timeoutMs: number;
  readonly concurrency: number;
}

export const resourceMetricsConfig: z.ZodType<ResourceMetricsConfig> = z.strictObject({
  /** Time between two looks at all nodes: the window over which cpu is averaged. */
  intervalMs: z.number().int().min(100).max(3_600_000).default(15_000),
  /** The same as long as there are no figures at all, so that the first come soon. */
  firstIntervalMs: z.number().int().min(100).max(3_600_000).default(2_000),
  /** How long one node may take to answer. */
  timeoutMs: z.number().int().min(10).max(600_000).default(10_000),
  /** Nodes asked at a time. */
  concurrency: z.number().int().min(1).max(1000).default(20),
});

import { z } from 'zod';

export interface PodGcConfig {
  /** Ended pods of the cluster that stay; of more, the oldest go. 0: all stay. */
  readonly terminatedPodLimit: number;
  /** How long a node must be gone before its pods go. */
  readonly quarantineMs: number;
}

/** The defaults are those of kube-controller-manager. */
export const configSchema: z.ZodType<PodGcConfig> = z.strictObject({
  terminatedPodLimit: z.int().min(0).max(1_000_000).default(12_500),
  quarantineMs: z.int().min(0).max(86_400_000).default(40_000),
});

import { z } from 'zod';

export interface NodeLifecycleConfig {
  /** A node that shows no sign of life for so long is not known to be alive: its conditions become Unknown. */
  readonly gracePeriodMs: number;
  /** The same for a new node, until it reports for the first time. */
  readonly startupGracePeriodMs: number;
  /** Nodes of one zone that get a NoExecute taint, each second. */
  readonly evictionRate: number;
  /** The same while much of a large zone is not ready. In a small one it stops then. */
  readonly secondaryEvictionRate: number;
  /** A zone of more nodes is large. */
  readonly largeZoneSize: number;
  /** Share of nodes that are not ready from which on a zone counts as disrupted. */
  readonly unhealthyZoneShare: number;
}

const durationMs = z.int().min(100).max(86_400_000);
const rate = z.number().min(0).max(1000);

/** The defaults are those of kube-controller-manager. */
export const configSchema: z.ZodType<NodeLifecycleConfig> = z.strictObject({
  gracePeriodMs: durationMs.default(50_000),
  startupGracePeriodMs: durationMs.default(60_000),
  evictionRate: rate.default(0.1),
  secondaryEvictionRate: rate.default(0.01),
  largeZoneSize: z.int().min(0).default(50),
  unhealthyZoneShare: z.number().min(0).max(1).default(0.55),
});

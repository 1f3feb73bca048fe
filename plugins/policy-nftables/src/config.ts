import { z } from 'zod';

export interface PolicyNftablesConfig {
  /** The node whose pods it protects. */
  readonly nodeName: string;
  /** Time between two changes of the table, at least, in ms. */
  readonly minIntervalMs: number;
  /** `remove`: policies end with this process. `keep`: they outlive it, as the pods of such a node do. */
  readonly onShutdown: 'remove' | 'keep';
}

export const configSchema: z.ZodType<PolicyNftablesConfig> = z.strictObject({
  nodeName: z.string().min(1),
  minIntervalMs: z.number().int().min(0).max(10_000).default(20),
  onShutdown: z.enum(['remove', 'keep']).default('remove'),
});

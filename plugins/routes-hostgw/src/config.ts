import { z } from 'zod';
import { parseIpv4Range } from '@timonel/sdk/contracts/network';

export interface RoutesHostGwConfig {
  /** Name of this machine's Node object: it gets no route. */
  readonly nodeName: string;
  /** Interface of the routes. Absent: the one that the kernel reaches the other node through. */
  readonly dev?: string | undefined;
  /** Only ranges within these get a route. Empty: all, but such as cannot be one node's. */
  readonly clusterCidrs: readonly string[];
  /** How often the routes of the kernel are compared with what they should be. */
  readonly checkIntervalMs: number;
  /** What happens to the routes when this process ends: `keep` where containers go on without it. A disabled plugin removes them. */
  readonly onShutdown: 'remove' | 'keep';
}

export const configSchema: z.ZodType<RoutesHostGwConfig> = z.strictObject({
  nodeName: z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be an RFC 1123 subdomain'),
  dev: z
    .string()
    .regex(/^[^\s/]{1,15}$/, 'must be the name of an interface')
    .optional(),
  clusterCidrs: z
    .array(
      z.string().refine((text) => parseIpv4Range(text) !== undefined, 'is not an IPv4 range such as 10.244.0.0/16'),
    )
    .max(64)
    .default([]),
  checkIntervalMs: z.int().min(100).default(10_000),
  onShutdown: z.enum(['remove', 'keep']).default('remove'),
});

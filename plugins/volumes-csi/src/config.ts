import { z } from 'zod';

export interface CsiConfig {
  readonly nodeName: string;
  readonly kubeletDirectory: string;
  readonly callTimeoutMs: number;
  readonly attachTimeoutMs: number;
  readonly republishIntervalMs: number;
}

export const configSchema: z.ZodType<CsiConfig> = z.strictObject({
  /** Name of the Node object of this machine. */
  nodeName: z.string().min(1),
  /**
   * Where drivers register and find the paths of volumes. Default: /var/lib/kubelet, as their manifests have it, for root; else in the data
   * directory of the plugin. Give two nodes on one machine directories of their own.
   */
  kubeletDirectory: z
    .string()
    .regex(/^(?:\/.*)?$/, 'must be absolute')
    .default(''),
  /** How long a driver may take for one call. */
  callTimeoutMs: z.number().int().min(100).default(120_000),
  /** How long one try to mount a volume waits for its attachment. */
  attachTimeoutMs: z.number().int().min(0).default(15_000),
  /** How often volumes of drivers that ask for it (`requiresRepublish`) are published again. */
  republishIntervalMs: z.number().int().min(1000).default(60_000),
}) as z.ZodType<CsiConfig>;

import { z } from 'zod';

export interface DevicesConfig {
  readonly kubeletDirectory: string;
  readonly callTimeoutMs: number;
  readonly goneAfterMs: number;
}

export const configSchema: z.ZodType<DevicesConfig> = z.strictObject({
  /**
   * Where device plugins expect the node's sockets. Default: /var/lib/kubelet, as their manifests have it, for root; else in the data
   * directory of the plugin. Give two nodes on one machine directories of their own.
   */
  kubeletDirectory: z
    .string()
    .regex(/^(?:\/.*)?$/, 'must be absolute')
    .default(''),
  /** How long a device plugin may take for one call. */
  callTimeoutMs: z.number().int().min(100).default(30_000),
  /** How long the devices of a plugin that is away are counted, though nobody gets them. */
  goneAfterMs: z.number().int().min(0).default(300_000),
}) as z.ZodType<DevicesConfig>;

import { z } from 'zod';

/** Bounds on what an import may make this node write. Beyond a bound the import is refused as a whole. */
export interface Limits {
  /** Of the archive itself, after gunzip. */
  readonly maxArchiveBytes: number;
  /** Of one layer, unpacked. Stops decompression bombs. */
  readonly maxLayerBytes: number;
  /** Files, directories and links of one layer. */
  readonly maxLayerEntries: number;
  /** Entries of the archive itself (layers, configurations, manifests). */
  readonly maxArchiveEntries: number;
  /** overlayfs takes at most 500 lower directories; container engines agree on 127 layers. */
  readonly maxLayers: number;
  /** manifest.json, index.json, manifests and configurations are read into memory. */
  readonly maxJsonBytes: number;
}

export interface ImagesLocalConfig {
  /** Make `timonel.local/node:host` from this host's own node binary on first use. */
  readonly hostImage: boolean;
  /** How long a change waits for another process that is changing the store. */
  readonly lockTimeoutMs: number;
  readonly limits: Limits;
}

const gibibyte = 1024 ** 3;

const limits = z.strictObject({
  maxArchiveBytes: z
    .int()
    .positive()
    .default(40 * gibibyte),
  maxLayerBytes: z
    .int()
    .positive()
    .default(20 * gibibyte),
  maxLayerEntries: z.int().positive().default(1_000_000),
  maxArchiveEntries: z.int().positive().default(10_000),
  maxLayers: z.int().positive().max(500).default(127),
  maxJsonBytes: z
    .int()
    .positive()
    .default(4 * 1024 ** 2),
});

export const configSchema: z.ZodType<ImagesLocalConfig> = z.strictObject({
  hostImage: z.boolean().default(true),
  lockTimeoutMs: z.int().positive().max(600_000).default(30_000),
  limits: limits.prefault({}),
});

import { z } from 'zod';

/** Bounds on what an import or a pull may make this node write. Beyond a bound it is refused as a whole. */
export interface Limits {
  /** Of an archive after gunzip, and of all layers of a pull as they come. */
  readonly maxArchiveBytes: number;
  /** Of one layer, unpacked. Stops decompression bombs. */
  readonly maxLayerBytes: number;
  /** Of all layers of an image, or of an archive, unpacked. */
  readonly maxImageBytes: number;
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
  /** Layers of one pull or push that are on their way at once. */
  readonly parallelLayers: number;
  /** Layers of all pulls and pushes together that are on their way at once. */
  readonly parallelTransfers: number;
  /** Threads that unpack. */
  readonly unpackThreads: number;
  /** How long what a broken pull got of a layer is kept for the next one. */
  readonly partialMaxAgeMs: number;
  /** How much is kept of what broken pulls got; the oldest goes first. */
  readonly partialMaxBytes: number;
  /** Pruning spares named images that were used or pulled within this time. */
  readonly pruneMinAgeMs: number;
  readonly limits: Limits;
}

const gibibyte = 1024 ** 3;
const hour = 3_600_000;

const limits = z.strictObject({
  maxArchiveBytes: z
    .int()
    .positive()
    .default(40 * gibibyte),
  maxLayerBytes: z
    .int()
    .positive()
    .default(20 * gibibyte),
  maxImageBytes: z
    .int()
    .positive()
    .default(60 * gibibyte),
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
  parallelLayers: z.int().min(1).max(20).default(3),
  parallelTransfers: z.int().min(1).max(100).default(6),
  unpackThreads: z.int().min(1).max(16).default(2),
  partialMaxAgeMs: z
    .int()
    .min(0)
    .default(24 * hour),
  partialMaxBytes: z
    .int()
    .min(0)
    .default(10 * gibibyte),
  pruneMinAgeMs: z.int().min(0).default(120_000),
  limits: limits.prefault({}),
});

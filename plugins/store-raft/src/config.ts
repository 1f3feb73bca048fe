import { defaultCompactionPolicy, type CompactionPolicy } from '@timonel/sdk/contracts/store';
import { z } from 'zod';

const count = z.int().positive();

export interface RaftStoreConfig {
  readonly compaction: CompactionPolicy;
  readonly mapBytes?: number | undefined;
}

/** What may be written in the configuration file: everything has a default. */
export interface RaftStoreConfigInput {
  readonly compaction?: { readonly [K in keyof CompactionPolicy]?: CompactionPolicy[K] | undefined } | undefined;
  readonly mapBytes?: number | undefined;
}

/** Configuration of the plugin. */
export const configSchema: z.ZodType<RaftStoreConfig, RaftStoreConfigInput> = z.strictObject({
  /** How much history is kept. See `CompactionPolicy` of the sdk for the meaning of each. */
  compaction: z
    .strictObject({
      retainRevisions: count.default(defaultCompactionPolicy.retainRevisions),
      retainMs: count.default(defaultCompactionPolicy.retainMs),
      maxRevisions: count.default(defaultCompactionPolicy.maxRevisions),
      checkMs: count.default(defaultCompactionPolicy.checkMs),
    })
    .prefault({}),
  /** Size of the memory map of each of the two files. Absent: it grows as needed. Given, it is the bound: NO_SPACE. */
  mapBytes: z
    .int()
    .min(1024 * 1024)
    .optional(),
});

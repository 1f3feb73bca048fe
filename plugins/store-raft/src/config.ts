import { defaultCompactionPolicy, type CompactionPolicy } from '@timonel/sdk/contracts/store';
import { z } from 'zod';
import type { DriverTiming } from './driver/options.ts';
import { parseAddress } from './transport/address.ts';

const count = z.int().positive();

/** How a member takes part in a group of several. */
export interface ClusterConfig {
  /** Names the member for ever. Absent: made at the first start. */
  readonly memberId?: string | undefined;
  readonly name: string;
  readonly listen: { readonly address: string; readonly port: number };
  /** `HOST:PORT` under which the others reach it. */
  readonly advertise: string;
  /** A new member waits to be taken in by a group, in place of founding one. */
  readonly join: boolean;
  /** PEM files: the authority of the cluster, and this member's certificate (CN: its id, O: `timonel:store-members`). */
  readonly tls: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
}

export interface RaftStoreConfig {
  readonly compaction: CompactionPolicy;
  readonly timing: DriverTiming;
  readonly cluster?: ClusterConfig | undefined;
  readonly mapBytes?: number | undefined;
  readonly segmentBytes?: number | undefined;
}

/** What may be written in the configuration file: everything has a default. */
export interface RaftStoreConfigInput {
  readonly compaction?: { readonly [K in keyof CompactionPolicy]?: CompactionPolicy[K] | undefined } | undefined;
  readonly timing?: { readonly [K in keyof DriverTiming]?: DriverTiming[K] | undefined } | undefined;
  readonly cluster?: (Omit<ClusterConfig, 'join'> & { readonly join?: boolean | undefined }) | undefined;
  readonly mapBytes?: number | undefined;
  readonly segmentBytes?: number | undefined;
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
  /**
   * Members hear from their leader every `heartbeatTicks` and elect another after 1 to 2 × `electionTicks` without a word.
   * Equal on all members.
   */
  timing: z
    .strictObject({
      tickMs: z.int().min(5).max(1_000).default(25),
      electionTicks: z.int().min(4).max(1_000).default(10),
      heartbeatTicks: z.int().min(1).max(100).default(2),
      /** Reads and writes are given up after so long. */
      requestTimeoutMs: z.int().min(100).default(5_000),
    })
    .prefault({})
    .refine(({ electionTicks, heartbeatTicks }) => electionTicks >= heartbeatTicks * 3, {
      message: 'electionTicks must be at least 3 times heartbeatTicks',
    }),
  /** Absent: a group of one, which listens to nobody. */
  cluster: z
    .strictObject({
      memberId: z.string().min(1).max(128).optional(),
      name: z.string().min(1).max(128),
      listen: z.strictObject({ address: z.string().min(1), port: z.int().min(0).max(65_535) }),
      advertise: z
        .string()
        .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d+$/, 'must be HOST:PORT')
        .refine((address) => parseAddress(address) !== undefined, 'must be HOST:PORT'),
      join: z.boolean().default(false),
      tls: z.strictObject({ caFile: z.string().min(1), certFile: z.string().min(1), keyFile: z.string().min(1) }),
    })
    .optional(),
  /** Size of a segment of the log. */
  segmentBytes: z
    .int()
    .min(64 * 1024)
    .max(1024 * 1024 * 1024)
    .optional(),
  /** Size of the memory map that the state file begins with. It grows as needed. */
  mapBytes: z
    .int()
    .min(1024 * 1024)
    .optional(),
});

/** The configuration with its defaults. @throws ZodError */
export function configOf(input: RaftStoreConfigInput): RaftStoreConfig {
  return configSchema.parse(input);
}

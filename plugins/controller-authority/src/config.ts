import { certificateLifetimeMs } from '@timonel/sdk/pki';
import { z } from 'zod';

const duration = z.number().int().positive();

export interface AuthorityConfig {
  readonly name: string;
  readonly pkiDirectory?: string | undefined;
  readonly rotateAt: number;
  readonly automatic: boolean;
  readonly lifetimeMs?: number | undefined;
  readonly settleMs: number;
  readonly nodePatienceMs: number;
  readonly keepFormerMs: number;
  readonly periodMs: number;
}

/** Configuration of the plugin. */
export const configSchema: z.ZodType<AuthorityConfig> = z.strictObject({
  /** This server's name in the cluster. */
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, 'must be a DNS name of at most 63 characters')
    .default('local'),
  /** Holds ca.crt and ca.key, and the certificates of this server. Absent: the plugin does nothing. */
  pkiDirectory: z.string().min(1).optional(),
  /** The part of an authority's life after which its successor is made. */
  rotateAt: z.number().min(0.01).max(0.95).default(0.8),
  /** False: only `timonel certificates rotate-ca` begins. */
  automatic: z.boolean().default(true),
  /** Life of the next authority. Default: as long as that of the one before. */
  lifetimeMs: duration.optional(),
  /** How long everybody has the new authority before it signs: longer than nodes take to ask for it. */
  settleMs: z.number().int().min(0).default(3_900_000),
  /** How long nodes that do not say that they have it are waited for. They learn it later too, by the chain in the certificates of servers. */
  nodePatienceMs: z.number().int().min(0).default(86_400_000),
  /** How long the former authority is believed after the new one signs: no certificate of it lives longer. */
  keepFormerMs: z.number().int().min(0).default(certificateLifetimeMs),
  /** How often the state and the files are looked at. */
  periodMs: z.number().int().min(50).default(10_000),
});

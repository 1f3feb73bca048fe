import { certificateLifetimeMs } from '@timonel/sdk/pki';
import { z } from 'zod';

const count = z.number().int().positive();

export interface ClusterJoinConfig {
  readonly name: string;
  readonly memberId: string;
  readonly url: string;
  readonly peerNames: readonly string[];
  readonly pkiDirectory: string;
  readonly adminTokenFile?: string | undefined;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly certificateLifetimeMs: number;
  readonly checkPeriodMs: number;
  readonly heartbeatMs: number;
  readonly podCidrTimeoutMs: number;
  readonly attemptsPerMinute: number;
}

/** Configuration of the plugin. */
export const configSchema: z.ZodType<ClusterJoinConfig> = z.strictObject({
  /** This server's name in the cluster. */
  name: z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, 'must be a DNS name of at most 63 characters'),
  /** Its member of the store. */
  memberId: z.string().min(1).max(128),
  /** Under which the other machines reach this API server: `https://HOST:PORT`. */
  url: z.string().regex(/^https:\/\/[^/]+$/, 'must be https://HOST:PORT'),
  /** DNS names and IP addresses for this member's peer certificate. */
  peerNames: z.array(z.string().min(1)).default([]),
  /** Holds ca.crt, ca.key, and this server's own certificates. */
  pkiDirectory: z.string().min(1),
  /** Holds the administrator's token, which a joining server gets. Absent: this server takes no servers. */
  adminTokenFile: z.string().min(1).optional(),
  /** Told to joiners. */
  clusterCidr: z.string().min(1),
  serviceCidr: z.string().min(1),
  /** Life of the certificates that are issued here. */
  certificateLifetimeMs: count.default(certificateLifetimeMs),
  /** How often this server's certificates are looked at, and expired tokens are removed. */
  checkPeriodMs: count.default(3_600_000),
  /** How often this server says that it is there. */
  heartbeatMs: count.default(10_000),
  /** How long a joining node waits for its pod addresses. */
  podCidrTimeoutMs: z.number().int().min(0).default(20_000),
  /** Joins and renewals that one address may try in a minute. */
  attemptsPerMinute: count.default(30),
});

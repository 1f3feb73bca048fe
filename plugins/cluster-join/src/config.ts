import { certificateLifetimeMs } from '@timonel/sdk/pki';
import { z } from 'zod';

const serverUrl = z.string().regex(/^https:\/\/[^/]+$/, 'must be https://HOST:PORT');
const count = z.number().int().positive();

export interface ClusterJoinConfig {
  readonly name: string;
  readonly memberId: string;
  readonly url: string;
  readonly endpoint?: string | undefined;
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
  url: serverUrl,
  /** The same by an IP address, for the endpoints of the service `kubernetes`, when `url` has a name. */
  endpoint: serverUrl.optional(),
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
  /** How often expired tokens are removed, and, every 10 s at least, this server's certificates are looked at. */
  checkPeriodMs: count.default(3_600_000),
  /** How often this server says that it is there. Pods are led to it until it has been silent for four times as long. */
  heartbeatMs: count.default(3000),
  /** How long a joining node waits for its pod addresses. */
  podCidrTimeoutMs: z.number().int().min(0).default(20_000),
  /** Joins and renewals that one address may try in a minute. */
  attemptsPerMinute: count.default(30),
});

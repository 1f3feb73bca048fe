import { z } from 'zod';

export interface NodeRemoteConfig {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly connectTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly requests: number;
  readonly idleTimeoutMs: number;
  readonly credentialsIntervalMs: number;
}

export const configSchema: z.ZodType<NodeRemoteConfig> = z.strictObject({
  /** PEM of the authority of the nodes' certificates. Files are read again when they change. */
  caFile: z.string().min(1),
  /** PEM of a client certificate of the group timonel:masters, and its key. */
  certFile: z.string().min(1),
  keyFile: z.string().min(1),
  /** For TCP and TLS. */
  connectTimeoutMs: z.number().int().min(10).default(3000),
  /** Until the head of the answer. */
  answerTimeoutMs: z.number().int().min(10).default(10_000),
  /** At a time, to all nodes; more are refused with TooManyRequests. */
  requests: z.number().int().min(1).max(100_000).default(1000),
  /** A session in which nothing was sent for so long is ended. As the kubelet has it: 4 h. */
  idleTimeoutMs: z.number().int().min(100).default(14_400_000),
  credentialsIntervalMs: z.number().int().min(10).default(10_000),
});

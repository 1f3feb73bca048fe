import { defaultNodePort, nodeCallerGroups } from '@timonel/sdk/contracts/node';
import { z } from 'zod';

export interface NodeServerConfig {
  readonly listen: { readonly address: string; readonly port: number };
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly callerGroups: readonly string[];
  readonly connections: number;
  readonly sessions: number;
  readonly idleTimeoutMs: number;
  readonly credentialsIntervalMs: number;
}

export const configSchema: z.ZodType<NodeServerConfig> = z.strictObject({
  listen: z
    .strictObject({
      address: z.string().min(1).default('0.0.0.0'),
      /** The same as `serverPort` of node-agent, which tells it to the cluster. 0: any free one. */
      port: z.number().int().min(0).max(65_535).default(defaultNodePort),
    })
    .prefault({}),
  /** PEM of the authority whose certificates callers must show. Files are read again when they change. */
  caFile: z.string().min(1),
  /** PEM of this node's own certificate and its key. */
  certFile: z.string().min(1),
  keyFile: z.string().min(1),
  /** O of the certificates that may call. */
  callerGroups: z
    .array(z.string().min(1))
    .min(1)
    .default([...nodeCallerGroups]),
  /** At a time; more are refused. */
  connections: z.number().int().min(1).max(10_000).default(200),
  /** Sessions and connections into pods at a time; more are refused with TooManyRequests. */
  sessions: z.number().int().min(1).max(10_000).default(150),
  /** One in which nothing was sent for so long is ended. As the kubelet has it: 4 h. */
  idleTimeoutMs: z.number().int().min(100).default(14_400_000),
  credentialsIntervalMs: z.number().int().min(10).default(10_000),
});

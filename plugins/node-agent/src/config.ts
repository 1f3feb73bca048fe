import { hostname } from 'node:os';
import { z } from 'zod';

export interface AgentConfig {
  readonly nodeName: string;
  readonly runtime: string;
  readonly labels: Record<string, string>;
  readonly capacity: Record<string, string>;
  readonly heartbeatIntervalMs: number;
  readonly statusIntervalMs: number;
  readonly relistIntervalMs: number;
  readonly nodeAddress: string;
  readonly serverPort: number;
  readonly clusterDomain: string;
  readonly onShutdown: 'remove' | 'keep';
  readonly shutdownGraceMs: number;
  readonly concurrency: number;
  readonly maxPods: number;
  readonly maxSessions: number;
  readonly checkpointDelayMs: number;
  readonly checkpointLimitBytes: number;
}

/** A host name may hold what the name of an object may not. */
function nodeNameOf(host: string): string {
  const usable = host.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-');
  return usable.replaceAll(/^[-.]+|[-.]+$/g, '') || 'node';
}

export const configSchema: z.ZodType<AgentConfig> = z.strictObject({
  /** Name of the Node object: an RFC 1123 subdomain. */
  nodeName: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be an RFC 1123 subdomain')
    .default(() => nodeNameOf(hostname())),
  /** Handler of pods without runtimeClassName: a runtime's plugin name without `runtime-`. */
  runtime: z.string().default('linux'),
  labels: z.record(z.string(), z.string()).default({}),
  /** Overrides what the machine has: quantities by resource name. */
  capacity: z.record(z.string(), z.union([z.string(), z.number()]).transform(String)).default({}),
  heartbeatIntervalMs: z.number().int().min(100).default(10_000),
  statusIntervalMs: z.number().int().min(1000).default(300_000),
  /** How often the runtimes are listed in full, beside their events. */
  relistIntervalMs: z.number().int().min(100).default(10_000),
  /**
   * Under which the control planes and other nodes reach this one. Default: the address of the interface with the default route;
   * without one, that under which pods reach this node.
   */
  nodeAddress: z.string().default(''),
  /** Where node-server listens, told to the cluster as the kubelet's port. 0: there is none. */
  serverPort: z.number().int().min(0).max(65_535).default(0),
  clusterDomain: z.string().default('cluster.local'),
  /** `remove`: no container survives a shutdown of this process. `keep`: containers outlive it and are taken over by the next. */
  onShutdown: z.enum(['remove', 'keep']).default('keep'),
  shutdownGraceMs: z.number().int().min(0).default(2000),
  /** Pods worked on at the same time. */
  concurrency: z.number().int().min(1).max(256).default(16),
  maxPods: z.number().int().min(0).default(110),
  /** Processes in containers, attached streams and forwarded connections that callers have open at the same time; one more is refused. */
  maxSessions: z.number().int().min(1).default(500),
  /** How long a start waits for the API before it goes on with the pods that were known last. */
  checkpointDelayMs: z.number().int().min(0).default(5000),
  /** Size of the file with those pods and the ConfigMaps and Secrets they use; what does not fit is left out, pods never. */
  checkpointLimitBytes: z
    .number()
    .int()
    .min(0)
    .default(64 * 1024 * 1024),
});

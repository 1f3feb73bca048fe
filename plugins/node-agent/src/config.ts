import { hostname } from 'node:os';
import { z } from 'zod';
import { isNamespaced } from './admission/sysctls.ts';
import type { VerificationPolicy } from './images/pull-records.ts';
import { checkNodeConfig, nodeFields, type NodeConfig } from './node/node-config.ts';

export interface AgentConfig extends NodeConfig {
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
  readonly userNamespaceFirstId: number;
  readonly userNamespaceRanges: number;
  readonly seccompDefault: boolean;
  readonly seccompDirectory: string;
  readonly allowedUnsafeSysctls: readonly string[];
  readonly podPidsLimit: number;
  readonly swapBehavior: 'NoSwap' | 'LimitedSwap';
  readonly memoryQoS: boolean;
  readonly memoryThrottlingFactor: number;
  readonly serializeImagePulls: boolean;
  readonly maxParallelImagePulls: number;
  readonly imagePullCredentialsVerificationPolicy: VerificationPolicy;
  readonly imageGCHighThresholdPercent: number;
  readonly imageGCLowThresholdPercent: number;
  readonly objectWatches: number;
  readonly checkpointDelayMs: number;
  readonly checkpointLimitBytes: number;
}

/** A host name may hold what the name of an object may not. */
function nodeNameOf(host: string): string {
  const usable = host.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-');
  return usable.replaceAll(/^[-.]+|[-.]+$/g, '') || 'node';
}

const agentSchema = z.strictObject({
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
  /**
   * Pods with `hostUsers: false` get 65,536 user and group ids of their own each. The first of them all: by default behind those that
   * systemd keeps for its containers. Give two nodes on one machine ranges that do not meet.
   */
  userNamespaceFirstId: z.number().int().min(65_536).max(4_294_836_224).default(1_879_048_192),
  /** How many such pods there may be at the same time. */
  userNamespaceRanges: z.number().int().min(0).max(65_535).default(4096),
  /** Containers that name no seccomp profile get that of the runtime. Stricter than Kubernetes, where it is false. */
  seccompDefault: z.boolean().default(true),
  /** Where the profiles of type Localhost lie: absolute. Default: `seccomp` in this plugin's data directory. */
  seccompDirectory: z
    .string()
    .regex(/^(?:\/.*)?$/, 'must be absolute')
    .default(''),
  /** Kernel parameters that pods may set beside the safe ones: names, or beginnings with `*` at the end (`kernel.msg*`). */
  allowedUnsafeSysctls: z
    .array(
      z.string().refine(isNamespaced, {
        error: 'must be of a namespace of the pod: kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.* or net.*',
      }),
    )
    .default([]),
  /** Processes and threads of one pod. 0: no limit, as Kubernetes has it: then one pod can take them all. */
  podPidsLimit: z.number().int().min(0).default(4096),
  /** `LimitedSwap`: containers of Burstable pods get a share of the node's swap as large as that of its memory which they request. */
  swapBehavior: z.enum(['NoSwap', 'LimitedSwap']).default('NoSwap'),
  /** Memory requests are kept from reclaim, and containers slowed down on the way to their limit (cgroup v2). */
  memoryQoS: z.boolean().default(false),
  /** Of memoryQoS: where between request and limit the slowing down begins. */
  memoryThrottlingFactor: z.number().gt(0).max(1).default(0.9),
  /** One pull of an image at a time. */
  serializeImagePulls: z.boolean().default(false),
  /** Pulls at the same time, when they are not one by one. 0: no bound. */
  maxParallelImagePulls: z.number().int().min(0).default(5),
  /**
   * Whether a pod must have the credentials that an image on the node was pulled with. `NeverVerifyPreloadedImages`: for those that were
   * pulled for pods, not for those brought by other ways.
   */
  imagePullCredentialsVerificationPolicy: z
    .enum(['NeverVerify', 'NeverVerifyPreloadedImages', 'AlwaysVerify'])
    .default('NeverVerifyPreloadedImages'),
  /** From so many percent of the images' filesystem in use on, images that no pod uses are removed. 100: never. */
  imageGCHighThresholdPercent: z.number().int().min(0).max(100).default(85),
  /** Until so many are in use. With more than the one above nothing is removed. */
  imageGCLowThresholdPercent: z.number().int().min(0).max(100).default(80),
  /** Objects that volumes are made of are watched, each by a connection to the API. Those beyond so many are read every 10 s. */
  objectWatches: z.number().int().min(0).max(10_000).default(100),
  /** How long a start waits for the API before it goes on with the pods that were known last. */
  checkpointDelayMs: z.number().int().min(0).default(5000),
  /** Size of the file with those pods and the ConfigMaps and Secrets they use; what does not fit is left out, pods never. */
  checkpointLimitBytes: z
    .number()
    .int()
    .min(0)
    .default(64 * 1024 * 1024),
  ...nodeFields,
});

export const configSchema: z.ZodType<AgentConfig> = agentSchema.superRefine(checkNodeConfig);

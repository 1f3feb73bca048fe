/** The keys that say how the node looks after itself: what it keeps for others, when it ends pods, which it has of its own. */
import { wholeQuantity, milliCpu } from '@timonel/sdk/kube';
import { shutdownProblems } from '../shutdown/groups.ts';
import { z } from 'zod';
import { durationMs } from '../durations.ts';
import { thresholdProblems } from '../eviction/thresholds.ts';

type Amounts = Readonly<Record<string, string>>;

export interface NodeConfig {
  readonly kubeReserved: Amounts;
  readonly systemReserved: Amounts;
  readonly enforceNodeAllocatable: readonly ('pods' | 'none')[];
  readonly evictionHard: Amounts | undefined;
  readonly evictionDefaults: 'kubelet' | 'shared';
  readonly evictionSoft: Amounts;
  readonly evictionSoftGracePeriod: Amounts;
  readonly evictionMinimumReclaim: Amounts;
  readonly evictionPressureTransitionPeriod: string;
  readonly evictionMaxPodGracePeriod: number;
  readonly evictionIntervalMs: number;
  readonly staticPodPath: string;
  readonly fileCheckFrequency: string;
  readonly shutdownGracePeriod: string;
  readonly shutdownGracePeriodCriticalPods: string;
  readonly shutdownGracePeriodByPodPriority: readonly {
    readonly priority: number;
    readonly shutdownGracePeriodSeconds: number;
  }[];
}

const duration = z
  .string()
  .refine((text) => durationMs(text) !== undefined, { error: 'must be a duration: 30s, 1m30s' });
const amounts = z.record(z.string(), z.string());

/** Of what can be kept for others. */
const reservable = ['cpu', 'memory', 'ephemeral-storage'];

const reserved = amounts.superRefine((given, context) => {
  for (const [name, text] of Object.entries(given)) {
    const parsed = name === 'cpu' ? milliCpu(text) : wholeQuantity(text);
    const isUsable = parsed !== undefined && parsed >= 0;
    if (reservable.includes(name) && isUsable) continue;
    const message = reservable.includes(name) ? `"${text}" is no quantity` : `use ${reservable.join(', ')}`;
    context.addIssue({ code: 'custom', path: [name], message });
  }
});

type Fields = { readonly [Key in keyof NodeConfig]: z.ZodType<NodeConfig[Key]> };

export const nodeFields: Fields = {
  /** What the node keeps for Timonel, by resource: `cpu`, `memory`, `ephemeral-storage`. Pods are given what is left. */
  kubeReserved: reserved.default({}),
  /** And what for the rest of the system. */
  systemReserved: reserved.default({}),
  /** `pods`: the kernel keeps the memory of all pods together within what is not reserved. `none`: only eviction does. */
  enforceNodeAllocatable: z.array(z.enum(['pods', 'none'])).default(['pods']),
  /**
   * Pods are ended when less is left, as the kubelet does it: quantities or percentages by `memory.available`, `nodefs.available`,
   * `nodefs.inodesFree`, `imagefs.available`, `imagefs.inodesFree`, `pid.available`. What is not named has no threshold; nor has `0`. Absent:
   * those of `evictionDefaults`.
   */
  evictionHard: amounts.optional(),
  /** `kubelet`: 100Mi of memory, 10% of nodefs, 15% of imagefs. `shared`, for a machine of somebody's own: 100Mi of memory and 1Gi of disk. */
  evictionDefaults: z.enum(['kubelet', 'shared']).default('kubelet'),
  /** The same, when it lasts for `evictionSoftGracePeriod`. */
  evictionSoft: amounts.default({}),
  /** Durations by signal, `1m30s`: each soft threshold has one. */
  evictionSoftGracePeriod: amounts.default({}),
  /** Once pods are ended, until so much more than the threshold is left. */
  evictionMinimumReclaim: amounts.default({}),
  /** For how long MemoryPressure, DiskPressure and PIDPressure stay after their cause went. */
  evictionPressureTransitionPeriod: duration.default('5m'),
  /** Seconds that pods have for their end when a soft threshold ends them, at most. */
  evictionMaxPodGracePeriod: z.number().int().min(0).default(0),
  /** Time between two looks at what the node has left. */
  evictionIntervalMs: z.number().int().min(100).default(10_000),
  /**
   * Directory of manifests of static pods (YAML or JSON): they run as long as their file is there, whatever the API says or whether it is
   * there, and are shown in the API by mirrors. Absolute. Empty: none.
   */
  staticPodPath: z
    .string()
    .regex(/^(?:\/.*)?$/, 'must be absolute')
    .default(''),
  /** How often that directory is read when nothing tells of a change. */
  fileCheckFrequency: duration.default('20s'),
  /**
   * How long pods have for their end when the node goes down: when systemd says that the machine stops, and with `onShutdown: remove` always.
   * They fail then, so that their controllers replace them. `0s`: they are not ended but interrupted, and run again when the node comes back.
   */
  shutdownGracePeriod: duration.default('0s'),
  /** The part of it that is kept for critical pods, which end last. */
  shutdownGracePeriodCriticalPods: duration.default('0s'),
  /** In place of both: times by priority. Pods from one priority up to the next end together, the lowest first. */
  shutdownGracePeriodByPodPriority: z
    .array(
      z.strictObject({
        /** The lowest of its pods. */
        priority: z.number().int(),
        /** Seconds that they have. */
        shutdownGracePeriodSeconds: z.number().int().min(0).max(1200),
      }),
    )
    .max(32)
    .default([]),
};

/** What only the keys together can get wrong. */
export function checkNodeConfig(config: NodeConfig, context: z.RefinementCtx): void {
  for (const { key, message } of [...thresholdProblems(config), ...shutdownProblems(config)]) {
    context.addIssue({ code: 'custom', path: [key], message });
  }
}

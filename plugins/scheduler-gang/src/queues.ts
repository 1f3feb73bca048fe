/** Queues that pods are in, each with a weight and perhaps a quota. */
import { milliCpu, wholeQuantity } from '@timonel/sdk/kube';
import type { ClusterView, PodClass, PodUsage } from '@timonel/sdk/contracts/scheduler';
import { z } from 'zod';

/** Label of a pod: the queue it is in. */
export const queueLabel = 'scheduling.timonel.dev/queue';
/** Of pods without the label. It is there even when it is not configured. */
export const defaultQueue = 'default';

const quantity = (parse: (text: string) => number | undefined): z.ZodType<string | number> =>
  z.union([z.string(), z.number()]).refine((amount) => (parse(String(amount)) ?? -1) >= 0, {
    message: 'must be a quantity, as in "2", "500m" or "8Gi"',
  });

const quota = z.strictObject({
  /** All pods of the queue together, as in requests of a container. */
  cpu: quantity(milliCpu).optional(),
  memory: quantity(wholeQuantity).optional(),
  /** Number of pods. */
  pods: z.number().int().min(0).optional(),
});

const queue = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/, 'must be the value of a label'),
  /** Share of the cluster in relation to other queues that have pods waiting. */
  weight: z.number().min(0.001).max(1_000_000).default(1),
  /** Most that pods of the queue may have; what is absent is not limited. */
  quota: quota.default({}),
});

export interface QueueSettings {
  readonly name: string;
  readonly weight: number;
  readonly quota: {
    readonly cpu?: string | number | undefined;
    readonly memory?: string | number | undefined;
    readonly pods?: number | undefined;
  };
}

export const queueList: z.ZodType<readonly QueueSettings[]> = z
  .array(queue)
  .max(1000)
  .superRefine((queues, context) => {
    const names = queues.map(({ name }) => name);
    for (const [at, name] of names.entries()) {
      if (names.indexOf(name) === at) continue;
      context.addIssue({ code: 'custom', path: [at, 'name'], message: `two queues have the name "${name}"` });
    }
  });

export type QuotaResource = 'cpu' | 'memory' | 'pods';

export interface Queue {
  readonly name: string;
  readonly weight: number;
  /** In mCPU, bytes and pods. */
  readonly limits: ReadonlyMap<QuotaResource, number>;
}

function queueOf({ name, weight, quota: { cpu, memory, pods } }: QueueSettings): Queue {
  const limits = new Map<QuotaResource, number>();
  if (cpu !== undefined) limits.set('cpu', milliCpu(String(cpu)) ?? 0);
  if (memory !== undefined) limits.set('memory', wholeQuantity(String(memory)) ?? 0);
  if (pods !== undefined) limits.set('pods', pods);
  return { name, weight, limits };
}

const usageKeys = ['milliCpu', 'memoryBytes', 'pods'] as const;

export function queueNameOf({ labels }: Pick<PodClass, 'labels'>): string {
  return (Object.hasOwn(labels, queueLabel) && labels[queueLabel]) || defaultQueue;
}

export class Queues {
  readonly #byName: ReadonlyMap<string, Queue>;

  constructor(settings: readonly QueueSettings[]) {
    const all = [{ name: defaultQueue, weight: 1, quota: {} }, ...settings];
    this.#byName = new Map(all.map((each) => [each.name, queueOf(each)]));
  }

  get names(): Iterable<string> {
    return this.#byName.keys();
  }

  /** undefined: there is no queue of this name. */
  get(name: string): Queue | undefined {
    return this.#byName.get(name);
  }

  /** What pods of a queue have now. */
  usage(name: string, view: ClusterView): PodUsage {
    const usage = view.usageBy(queueLabel);
    if (name !== defaultQueue) return usage.of(name);
    const sum = { milliCpu: 0, memoryBytes: 0, pods: 0 };
    for (const value of [undefined, '', defaultQueue]) {
      for (const key of usageKeys) sum[key] += usage.of(value)[key];
    }
    return sum;
  }
}

/** /stats/summary: what the node and its pods use, as the kubelet tells it (k8s.io/kubelet stats v1alpha1). Pure. */
import type { InterfaceStats, MeasuredStats, NodeStats, PodStatsOfNode } from '@timonel/sdk/contracts/node';
import { timestampOf } from '@timonel/sdk/kube';

/** CPU time of the former look, by what it is of. */
export interface FormerLook {
  readonly time: number;
  readonly cpuUsageNanos: ReadonlyMap<string, number>;
}

export function lookAt(stats: NodeStats): FormerLook {
  const containers = stats.pods.flatMap((pod) => pod.containers.map((each) => [each.id, each.cpuUsageNanos] as const));
  return { time: stats.time, cpuUsageNanos: new Map([['', stats.cpuUsageNanos], ...containers]) };
}

type Figures = Readonly<Record<string, unknown>>;

class Page {
  readonly #stats: NodeStats;
  readonly #former: FormerLook | undefined;
  readonly #time: string;

  constructor(stats: NodeStats, former: FormerLook | undefined) {
    this.#stats = stats;
    this.#former = former;
    this.#time = timestampOf(stats.time);
  }

  summary(): Figures {
    const { nodeName, startedAt, network, filesystem, processes, maxProcesses } = this.#stats;
    const fs = this.#filesystem();
    return {
      node: {
        nodeName,
        startTime: timestampOf(startedAt),
        cpu: this.#cpu([['', this.#stats]]),
        memory: { ...this.#memory([this.#stats]), availableBytes: this.#available(this.#stats.memoryBytes) },
        ...this.#network(network),
        fs: { ...fs, usedBytes: filesystem.usedBytes, inodesUsed: filesystem.inodes - filesystem.inodesFree },
        rlimit: { time: this.#time, maxpid: maxProcesses, curproc: processes },
      },
      pods: this.#stats.pods.map((pod) => this.#pod(pod)),
    };
  }

  #available(memoryBytes: number): number {
    return Math.max(0, memoryBytes - this.#stats.memoryWorkingSetBytes);
  }

  #filesystem(): Figures {
    const { availableBytes, capacityBytes, inodes, inodesFree } = this.#stats.filesystem;
    return { time: this.#time, availableBytes, capacityBytes, inodes, inodesFree };
  }

  #pod({ namespace, name, uid, startedAt, containers, network }: PodStatsOfNode): Figures {
    return {
      podRef: { name, namespace, uid },
      startTime: timestampOf(startedAt),
      containers: containers.map((container) => ({
        name: container.name,
        startTime: timestampOf(container.startedAt),
        cpu: this.#cpu([[container.id, container]]),
        memory: this.#memory([container]),
        logs: { ...this.#filesystem(), usedBytes: container.logBytes },
      })),
      cpu: this.#cpu(containers.map((each) => [each.id, each] as const)),
      memory: this.#memory(containers),
      ...this.#network(network),
      process_stats: { process_count: sum(containers, ({ processes }) => processes) },
    };
  }

  #cpu(measured: readonly (readonly [id: string, MeasuredStats])[]): Figures {
    const total = sum(measured, ([, { cpuUsageNanos }]) => cpuUsageNanos);
    const { time, cpuUsageNanos } = this.#former ?? { time: 0, cpuUsageNanos: new Map<string, number>() };
    const seconds = (this.#stats.time - time) / 1000;
    const grown = sum(measured, ([id, now]) => now.cpuUsageNanos - (cpuUsageNanos.get(id) ?? now.cpuUsageNanos));
    const isComparable = this.#former !== undefined && seconds > 0 && measured.every(([id]) => cpuUsageNanos.has(id));
    return {
      time: this.#time,
      ...(isComparable ? { usageNanoCores: Math.max(0, Math.round(grown / seconds)) } : {}),
      usageCoreNanoSeconds: total,
    };
  }

  #memory(measured: readonly MeasuredStats[]): Figures {
    return {
      time: this.#time,
      usageBytes: sum(measured, ({ memoryUsageBytes }) => memoryUsageBytes),
      workingSetBytes: sum(measured, ({ memoryWorkingSetBytes }) => memoryWorkingSetBytes),
    };
  }

  /** The first interface stands for all, as the kubelet has it. */
  #network(all: readonly InterfaceStats[]): { readonly network?: Figures } {
    const interfaces = all.map((each) => ({
      name: each.name,
      rxBytes: each.receivedBytes,
      rxErrors: each.receiveErrors,
      txBytes: each.sentBytes,
      txErrors: each.sendErrors,
    }));
    const [first] = interfaces;
    return first === undefined ? {} : { network: { time: this.#time, ...first, interfaces } };
  }
}

function sum<T>(items: readonly T[], valueOf: (item: T) => number): number {
  return items.reduce((total, item) => total + valueOf(item), 0);
}

/** `former`: without it there are no rates. */
export function summaryOf(stats: NodeStats, former: FormerLook | undefined): Figures {
  return new Page(stats, former).summary();
}

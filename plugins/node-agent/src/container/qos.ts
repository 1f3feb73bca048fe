/** QoS class and the Linux resources that follow from requests and limits, by the kubelet's rules. Pure. */
import { milliCpu, wholeQuantity, type Container, type Pod } from '@timonel/sdk/kube';
import type { LinuxResources } from '@timonel/sdk/contracts/runtime';
import { podRequest } from '@timonel/sdk/scheduling';
import type { NodePolicy } from './node-policy.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const counted = ['cpu', 'memory'] as const;

function isPositive(quantity: string | undefined): boolean {
  return quantity !== undefined && (milliCpu(quantity) ?? 0) > 0;
}

export function qosClassOf(pod: Pod): QosClass {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  let any = false;
  let guaranteed = containers.length > 0;
  for (const { resources } of containers) {
    for (const name of counted) {
      const limit = resources?.limits?.[name];
      const request = resources?.requests?.[name] ?? limit;
      if (isPositive(limit) || isPositive(request)) any = true;
      if (!isPositive(limit) || milliCpu(limit ?? '') !== milliCpu(request ?? '')) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/** As the kubelet computes cpu.shares: 1024 a core, 2 at least. */
function sharesOf(requestMillis: number): number {
  return Math.min(262_144, Math.max(2, Math.floor((requestMillis * 1024) / 1000)));
}

function oomScoreAdj(pod: Pod, container: Container, nodeMemoryBytes: number): number {
  const qos = qosClassOf(pod);
  if (isCritical(pod) || qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const request = wholeQuantity(container.resources?.requests?.['memory'] ?? '0') ?? 0;
  const score = 1000 - Math.floor((1000 * request) / Math.max(1, nodeMemoryBytes));
  return Math.min(999, Math.max(3, score));
}

function hugePages(container: Container, sizes: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {};
  // Of each size of the node: what no limit allows, the container does not get.
  for (const size of sizes) found[size] = 0;
  for (const [name, quantity] of Object.entries(container.resources?.limits ?? {})) {
    const size = /^hugepages-(.+)$/.exec(name)?.[1];
    if (size !== undefined) found[size] = wholeQuantity(quantity) ?? 0;
  }
  return found;
}

/** As the kubelet's NoSwap and LimitedSwap: a share of the node's swap as large as that of its memory, for Burstable pods. */
function swapLimit(pod: Pod, container: Container, policy: NodePolicy): number {
  const { limits, requests } = container.resources ?? {};
  if (policy.swapBehavior === 'NoSwap' || qosClassOf(pod) !== 'Burstable' || isCritical(pod)) return 0;
  const request = wholeQuantity(requests?.['memory'] ?? limits?.['memory'] ?? '0') ?? 0;
  const limit = wholeQuantity(limits?.['memory'] ?? '0') ?? 0;
  if (request === limit) return 0;
  return Math.floor((request / Math.max(1, policy.nodeMemoryBytes)) * policy.nodeSwapBytes);
}

function isCritical({ spec }: Pod): boolean {
  return spec.priorityClassName === 'system-node-critical';
}

const pageBytes = 4096;

/** What is kept from reclaim, and where throttling begins on the way from there to the limit. */
function memoryProtection(pod: Pod, container: Container, policy: NodePolicy): LinuxResources {
  if (!policy.memoryQoS) return {};
  const { limits, requests } = container.resources ?? {};
  const limit = wholeQuantity(limits?.['memory'] ?? '0') ?? 0;
  const request = wholeQuantity(requests?.['memory'] ?? limits?.['memory'] ?? '0') ?? 0;
  const top = limit > 0 ? limit : policy.nodeMemoryBytes;
  const high = Math.floor((request + policy.memoryThrottlingFactor * (top - request)) / pageBytes) * pageBytes;
  const throttles = qosClassOf(pod) !== 'Guaranteed' && high > request && high < top;
  return {
    ...(request > 0 ? { memoryMinBytes: request } : {}),
    ...(throttles ? { memoryHighBytes: high } : {}),
  };
}

export function linuxResources(pod: Pod, container: Container, policy: NodePolicy): LinuxResources {
  const { limits, requests } = container.resources ?? {};
  const memory = limits?.['memory'] === undefined ? undefined : wholeQuantity(limits['memory']);
  const cpu = limits?.['cpu'] === undefined ? undefined : milliCpu(limits['cpu']);
  const request = milliCpu(requests?.['cpu'] ?? limits?.['cpu'] ?? '0') ?? 0;
  const pages = hugePages(container, policy.hugePageSizes);
  return {
    ...(memory === undefined || memory <= 0 ? {} : { memoryLimitBytes: memory }),
    ...(cpu === undefined || cpu <= 0 ? {} : { cpuLimitMillis: cpu }),
    cpuShares: sharesOf(request),
    oomScoreAdj: oomScoreAdj(pod, container, policy.nodeMemoryBytes),
    swapLimitBytes: swapLimit(pod, container, policy),
    ...(Object.keys(pages).length === 0 ? {} : { hugePageLimits: pages }),
    ...memoryProtection(pod, container, policy),
  };
}

/**
 * Limits of the pod as a whole: only when every container has one. Containers run beside each other, init containers before; what the
 * runtime itself needs (the overhead) comes on top.
 */
export function podResources(pod: Pod, policy: Pick<NodePolicy, 'podPidsLimit'>): LinuxResources {
  const overhead = pod.spec.overhead ?? {};
  const memory = podLimit(pod, 'memory', (text) => wholeQuantity(text));
  const cpu = podLimit(pod, 'cpu', (text) => milliCpu(text));
  const cpuOverhead = milliCpu(overhead['cpu'] ?? '0') ?? 0;
  return {
    ...(memory === undefined ? {} : { memoryLimitBytes: memory + (wholeQuantity(overhead['memory'] ?? '0') ?? 0) }),
    ...(cpu === undefined ? {} : { cpuLimitMillis: cpu + cpuOverhead }),
    cpuShares: sharesOf(podRequest(pod).milliCpu),
    ...(policy.podPidsLimit > 0 ? { pidsLimit: policy.podPidsLimit } : {}),
  };
}

function podLimit(pod: Pod, name: string, parse: (text: string) => number | undefined): number | undefined {
  let sidecars = 0;
  let peak = 0;
  for (const { resources, restartPolicy } of pod.spec.initContainers ?? []) {
    const limit = parse(resources?.limits?.[name] ?? '0') ?? 0;
    if (limit <= 0) return undefined;
    // An init container runs beside the sidecars that were started before it.
    if (restartPolicy === 'Always') sidecars += limit;
    else peak = Math.max(peak, sidecars + limit);
  }
  let sum = sidecars;
  for (const { resources } of pod.spec.containers) {
    const limit = parse(resources?.limits?.[name] ?? '0') ?? 0;
    if (limit <= 0) return undefined;
    sum += limit;
  }
  return Math.max(sum, peak);
}

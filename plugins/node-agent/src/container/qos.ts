/** QoS class and the Linux resources that follow from requests and limits, by the kubelet's rules. Pure. */
import { milliCpu, wholeQuantity, type Container, type Pod } from '@timonel/sdk/kube';
import type { LinuxResources } from '@timonel/sdk/contracts/runtime';

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
  if (pod.spec.priorityClassName === 'system-node-critical' || qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const request = wholeQuantity(container.resources?.requests?.['memory'] ?? '0') ?? 0;
  const score = 1000 - Math.floor((1000 * request) / Math.max(1, nodeMemoryBytes));
  return Math.min(999, Math.max(3, score));
}

export function linuxResources(pod: Pod, container: Container, nodeMemoryBytes: number): LinuxResources {
  const { limits, requests } = container.resources ?? {};
  const memory = limits?.['memory'] === undefined ? undefined : wholeQuantity(limits['memory']);
  const cpu = limits?.['cpu'] === undefined ? undefined : milliCpu(limits['cpu']);
  const request = milliCpu(requests?.['cpu'] ?? limits?.['cpu'] ?? '0') ?? 0;
  return {
    ...(memory === undefined || memory <= 0 ? {} : { memoryLimitBytes: memory }),
    ...(cpu === undefined || cpu <= 0 ? {} : { cpuLimitMillis: cpu }),
    cpuShares: sharesOf(request),
    oomScoreAdj: oomScoreAdj(pod, container, nodeMemoryBytes),
  };
}

/** Limits of the pod as a whole: only when every container has one. Containers run beside each other, init containers before. */
export function podResources(pod: Pod): LinuxResources {
  const memory = podLimit(pod, 'memory', (text) => wholeQuantity(text));
  const cpu = podLimit(pod, 'cpu', (text) => milliCpu(text));
  let requestMillis = 0;
  for (const { resources } of pod.spec.containers) {
    requestMillis += milliCpu(resources?.requests?.['cpu'] ?? resources?.limits?.['cpu'] ?? '0') ?? 0;
  }
  return {
    ...(memory === undefined ? {} : { memoryLimitBytes: memory }),
    ...(cpu === undefined ? {} : { cpuLimitMillis: cpu }),
    cpuShares: sharesOf(requestMillis),
  };
}

function podLimit(pod: Pod, name: string, parse: (text: string) => number | undefined): number | undefined {
  let sum = 0;
  let largestInit = 0;
  for (const { resources } of pod.spec.containers) {
    const limit = parse(resources?.limits?.[name] ?? '0') ?? 0;
    if (limit <= 0) return undefined;
    sum += limit;
  }
  for (const { resources, restartPolicy } of pod.spec.initContainers ?? []) {
    const limit = parse(resources?.limits?.[name] ?? '0') ?? 0;
    if (limit <= 0) return undefined;
    if (restartPolicy === 'Always') sum += limit;
    else largestInit = Math.max(largestInit, limit);
  }
  return Math.max(sum, largestInit);
}

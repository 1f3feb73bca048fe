/** From two samples of a node to what it and its pods use: pure. */
import type { ContainerUse, NodeUse, PodUse, ResourceUse } from '@timonel/sdk/contracts/metrics';
import type { NodeUsage, PodUsage } from '@timonel/sdk/contracts/node';

/** What one node and its pods use. */
export interface WindowUse {
  readonly node: NodeUse | undefined;
  readonly pods: readonly PodUse[];
}

interface Counter {
  readonly cpuUsageNanos: number;
  readonly memoryWorkingSetBytes: number;
}

/** Undefined when the counter began anew: the container or the machine was restarted. */
function useBetween(before: Counter, after: Counter, windowMs: number): ResourceUse | undefined {
  const nanos = after.cpuUsageNanos - before.cpuUsageNanos;
  if (!(nanos >= 0) || !(after.memoryWorkingSetBytes >= 0)) return undefined;
  return { cpu: nanos / (windowMs * 1e6), memoryBytes: after.memoryWorkingSetBytes };
}

/** A pod counts only when all of its containers do: half a sum would mislead an autoscaler. */
function containersBetween(before: PodUsage, after: PodUsage, windowMs: number): ContainerUse[] | undefined {
  const earlier = new Map(before.containers.map((container) => [container.name, container]));
  const found: ContainerUse[] = [];
  for (const container of after.containers) {
    const old = earlier.get(container.name);
    const use = old === undefined ? undefined : useBetween(old, container, windowMs);
    if (use === undefined) return undefined;
    found.push({ name: container.name, use });
  }
  return found.length === 0 ? undefined : found;
}

/** Two samples of one node, the second one later. */
export function windowUse(before: NodeUsage, after: NodeUsage): WindowUse {
  const { time, nodeName: name } = after;
  const windowMs = time - before.time;
  const earlier = new Map(before.pods.map((pod) => [pod.uid, pod]));
  const pods: PodUse[] = [];
  for (const pod of after.pods) {
    const old = earlier.get(pod.uid);
    const containers = old === undefined ? undefined : containersBetween(old, pod, windowMs);
    if (containers === undefined) continue;
    pods.push({ namespace: pod.namespace, name: pod.name, uid: pod.uid, time, windowMs, containers });
  }
  const use = useBetween(before, after, windowMs);
  return { node: use === undefined ? undefined : { name, time, windowMs, use }, pods };
}

/** Resizes of running pods: what was granted, what still waits, what a container's change means. Pure. */
import type { LinuxResources, ResourceUpdate } from '@timonel/sdk/contracts/runtime';
import type { Container, Pod, PodContainerStatus, ResourceRequirements } from '@timonel/sdk/kube';
import { milliCpu } from '@timonel/sdk/kube';
import { isSidecar } from './containers.ts';

/** A resize that the node does not grant now. */
export interface PendingResize {
  /** `Deferred`: as soon as there is room. `Infeasible`: never on this node. */
  readonly reason: 'Deferred' | 'Infeasible';
  readonly message: string;
  /** ms since the epoch. */
  readonly retryAt: number;
}

/** A resize that was granted and is not done. */
export interface ResizeProgress {
  /** Of the object, when it was granted. */
  readonly generation: number | undefined;
  /** Why the last try failed. */
  readonly error: string | undefined;
  /** ms since the epoch. */
  readonly retryAt: number;
}

export interface ResizeMemory {
  /** What the node granted by container name. Undefined: not asked yet. */
  allocated: ReadonlyMap<string, ResourceRequirements> | undefined;
  /** What is in force where that is not yet what was granted. */
  readonly actual: Map<string, ResourceRequirements>;
  pending: PendingResize | undefined;
  progress: ResizeProgress | undefined;
  /** Ids of containers that are started anew to be resized. */
  readonly restarting: Set<string>;
}

export function emptyResize(): ResizeMemory {
  return { allocated: undefined, actual: new Map(), pending: undefined, progress: undefined, restarting: new Set() };
}

const resized = ['cpu', 'memory'] as const;
const lists = ['containers', 'initContainers'] as const;

/** Containers whose resources may change: init containers that end do not run any more. */
export function resizable({ spec }: Pod): Container[] {
  return [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)];
}

export function declaredResources(pod: Pod): Map<string, ResourceRequirements> {
  return new Map(resizable(pod).map(({ name, resources }) => [name, resources ?? {}]));
}

/** What a former agent granted, as the pod's status tells it; containers it does not name: what is declared. */
export function recalledResources(pod: Pod): Map<string, ResourceRequirements> {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const told = new Map([...containerStatuses, ...initContainerStatuses].map((status) => [status.name, status]));
  const recall = (container: Container): ResourceRequirements =>
    grantedIn(told.get(container.name)) ?? container.resources ?? {};
  return new Map(resizable(pod).map((container) => [container.name, recall(container)]));
}

function grantedIn(status: PodContainerStatus | undefined): ResourceRequirements | undefined {
  const { resources, allocatedResources } = status ?? {};
  if (resources === undefined || allocatedResources === undefined) return undefined;
  return { ...resources, requests: { ...resources.requests, ...allocatedResources } };
}

/** The pod with what it was granted in place of what it declares. */
export function allocatedPod(pod: Pod, allocated: ResizeMemory['allocated']): Pod {
  if (allocated === undefined) return pod;
  const isChanged = ({ name, resources }: Container): boolean => {
    const granted = allocated.get(name);
    return granted !== undefined && !sameResources(granted, resources ?? {});
  };
  if (!resizable(pod).some(isChanged)) return pod;
  const replaced = lists.map((list) => {
    const containers = (pod.spec[list] ?? []).map((container) =>
      isChanged(container) ? { ...container, resources: allocated.get(container.name) ?? {} } : container,
    );
    return [list, containers] as const;
  });
  const given = replaced.filter(([list]) => pod.spec[list] !== undefined);
  return { ...pod, spec: { ...pod.spec, ...Object.fromEntries(given) } };
}

/** Of cpu and memory: `0.5` and `500m` are the same. */
export function sameResources(one: ResourceRequirements, other: ResourceRequirements): boolean {
  return resized.every((name) => sameAmount(one, other, name));
}

function sameAmount(one: ResourceRequirements, other: ResourceRequirements, name: 'cpu' | 'memory'): boolean {
  return (['limits', 'requests'] as const).every((part) => {
    const [a, b] = [one[part]?.[name], other[part]?.[name]];
    return a === b || (a !== undefined && b !== undefined && milliCpu(a) === milliCpu(b));
  });
}

/** What of the change can only be had by a new start of the container. Undefined: nothing. */
export function restartedFor(
  { resizePolicy = [] }: Container,
  from: ResourceRequirements,
  to: ResourceRequirements,
): 'cpu' | 'memory' | undefined {
  return resized.find((name) => {
    const policy = resizePolicy.find(({ resourceName }) => resourceName === name)?.restartPolicy;
    return policy === 'RestartContainer' && !sameAmount(from, to, name);
  });
}

export interface Room {
  readonly milliCpu: number;
  readonly memoryBytes: number;
}

/** Undefined: it fits. `granted`: what the pod has, of which less always fits. `others`: what all other pods of the node were granted. */
export function obstacleTo(
  wanted: Room,
  granted: Room,
  node: Room,
  others: Room,
): Omit<PendingResize, 'retryAt'> | undefined {
  for (const [name, key] of [
    ['cpu', 'milliCpu'],
    ['memory', 'memoryBytes'],
  ] as const) {
    const [requested, used, capacity] = [wanted[key], others[key], node[key]];
    if (requested <= granted[key]) continue;
    if (requested > capacity) {
      const message = `Node didn't have enough capacity: ${name}, requested: ${requested}, capacity: ${capacity}`;
      return { reason: 'Infeasible', message };
    }
    if (requested + used > capacity) {
      const amounts = `requested: ${requested}, used: ${used}, capacity: ${capacity}`;
      return { reason: 'Deferred', message: `Node didn't have enough resource: ${name}, ${amounts}` };
    }
  }
  return undefined;
}

const decisive = ['memoryLimitBytes', 'cpuLimitMillis', 'cpuShares'] as const;
const following = ['memoryMinBytes', 'memoryHighBytes', 'swapLimitBytes'] as const;

/** What is to change, so that `wanted` holds. Undefined: nothing. */
export function updateTo(wanted: LinuxResources, now: LinuxResources): ResourceUpdate | undefined {
  const differs = (name: keyof ResourceUpdate): boolean => wanted[name] !== now[name];
  if (!decisive.some(differs)) return undefined;
  const names = [...decisive, ...following].filter(differs);
  return Object.fromEntries(names.map((name) => [name, wanted[name] ?? -1]));
}

/** Limits of a pod that hold its containers before and after their change: of each the larger one. */
export function largerOf(one: LinuxResources, other: LinuxResources): LinuxResources {
  const larger = decisive.flatMap((name): [string, number][] => {
    const [a, b] = [one[name], other[name]];
    return a === undefined || b === undefined ? [] : [[name, Math.max(a, b)]];
  });
  return { ...other, ...Object.fromEntries(decisive.map((name) => [name, undefined])), ...Object.fromEntries(larger) };
}

/** When a resize is to be tried again. Undefined: no resize waits. */
export function resizeRetryAt({ pending, progress }: ResizeMemory): number | undefined {
  return pending === undefined ? progress?.retryAt : Math.min(pending.retryAt, progress?.retryAt ?? Infinity);
}

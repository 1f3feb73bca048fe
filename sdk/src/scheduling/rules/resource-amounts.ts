/** Amounts of resources: what a pod asks for, and the columns of nodes that they are compared with. */
import type { ClusterView, PodClass, PodRequest } from '../../contracts/scheduler/index.ts';

/** Source: kubescheduler.config.k8s.io/v1 ResourceSpec. */
export interface ResourceWeight {
  readonly name: string;
  /** Default: 1. */
  readonly weight?: number;
}

export const defaultResources: readonly ResourceWeight[] = [{ name: 'cpu' }, { name: 'memory' }];

export function requestOf(request: PodRequest, resource: string): number {
  switch (resource) {
    case 'cpu':
      return request.milliCpu;
    case 'memory':
      return request.memoryBytes;
    case 'ephemeral-storage':
      return request.ephemeralStorageBytes;
  }
  return request.extended[resource] ?? 0;
}

/** A resource that a score looks at. */
export interface ScoredResource {
  readonly weight: number;
  readonly allocatable: Float64Array;
  readonly requested: Float64Array;
  /** What the pod would add. */
  readonly added: number;
}

const isNative = (resource: string): boolean =>
  resource === 'cpu' || resource === 'memory' || resource === 'ephemeral-storage';

/** `assumed`: containers that ask for nothing count as 100 mCPU and 200 MiB. Extended resources that the pod does not ask for do not count. */
export function scoredResources(
  resources: readonly ResourceWeight[],
  pod: PodClass,
  view: ClusterView,
  assumed: boolean,
): ScoredResource[] {
  const scored: ScoredResource[] = [];
  for (const { name, weight = 1 } of resources) {
    const allocatable = view.allocatable(name);
    if (assumed && name === 'cpu') {
      scored.push({ weight, allocatable, requested: view.scoringMilliCpu, added: pod.scoringRequest.milliCpu });
    } else if (assumed && name === 'memory') {
      scored.push({ weight, allocatable, requested: view.scoringMemoryBytes, added: pod.scoringRequest.memoryBytes });
    } else {
      const added = requestOf(pod.request, name);
      if (added > 0 || isNative(name)) scored.push({ weight, allocatable, requested: view.requested(name), added });
    }
  }
  return scored;
}

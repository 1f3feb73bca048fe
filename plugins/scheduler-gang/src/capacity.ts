import type { ClusterView, PodUsage } from '@timonel/sdk/contracts/scheduler';

/** All that the nodes have, added up when they have changed. */
export class Capacity {
  #generation = -1;
  #sum: PodUsage = { milliCpu: 0, memoryBytes: 0, pods: 0 };

  of(view: ClusterView): PodUsage {
    if (this.#generation === view.nodesGeneration) return this.#sum;
    this.#generation = view.nodesGeneration;
    const { size, allocatablePods } = view;
    this.#sum = {
      milliCpu: total(view.allocatable('cpu'), size),
      memoryBytes: total(view.allocatable('memory'), size),
      pods: total(allocatablePods, size),
    };
    return this.#sum;
  }
}

function total(column: Float64Array, size: number): number {
  let sum = 0;
  for (let row = 0; row < size; row += 1) sum += column[row] as number;
  return sum;
}

/** The largest share that somebody has of a resource. Source: Ghodsi et al., "Dominant Resource Fairness", NSDI 2011. */
export function dominantShare(used: PodUsage, all: PodUsage): number {
  const share = (amount: number, whole: number): number => (whole > 0 ? amount / whole : 0);
  return Math.max(
    share(used.milliCpu, all.milliCpu),
    share(used.memoryBytes, all.memoryBytes),
    share(used.pods, all.pods),
  );
}

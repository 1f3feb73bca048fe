/** How pods would lie on nodes after a batch, by the decisions of one scheduler. */
import type { Decision, PodInfo, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler2';
import type { ClusterShape } from '@timonel/sdk/contracts/scheduler-shadow';
import { WorkingState } from '@timonel/sdk/scheduling';

/** What pods ask for on average. */
interface AveragePod {
  readonly milliCpu: number;
  readonly memoryBytes: number;
}

/** Sums over nodes: one pass over the columns. */
interface Sums {
  nodes: number;
  inUse: number;
  cpu: number;
  cpuInUse: number;
  memory: number;
  memoryInUse: number;
  freeCpu: number;
  usableCpu: number;
  share: number;
  shareSquared: number;
  pods: number;
  podsSquared: number;
  most: number;
}

const zero = (): Sums => ({
  nodes: 0,
  inUse: 0,
  cpu: 0,
  cpuInUse: 0,
  memory: 0,
  memoryInUse: 0,
  freeCpu: 0,
  usableCpu: 0,
  share: 0,
  shareSquared: 0,
  pods: 0,
  podsSquared: 0,
  most: 0,
});

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
const deviation = (sum: number, squares: number, count: number): number =>
  count === 0 ? 0 : Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));

function add(sums: Sums, state: WorkingState, row: number, average: AveragePod): void {
  const [cpu, memory] = [state.allocatable('cpu')[row] ?? 0, state.allocatable('memory')[row] ?? 0];
  const [usedCpu, usedMemory] = [state.requested('cpu')[row] ?? 0, state.requested('memory')[row] ?? 0];
  const pods = state.podCount[row] ?? 0;
  sums.nodes += 1;
  if (pods > 0) {
    sums.inUse += 1;
    sums.cpu += usedCpu;
    sums.cpuInUse += cpu;
    sums.memory += usedMemory;
    sums.memoryInUse += memory;
  }
  const free = Math.max(0, cpu - usedCpu);
  sums.freeCpu += free;
  const slots = Math.max(0, (state.allocatablePods[row] ?? 0) - pods);
  const byMemory = average.memoryBytes > 0 ? (memory - usedMemory) / average.memoryBytes : slots;
  const more = Math.max(0, Math.floor(Math.min(free / average.milliCpu, byMemory, slots)));
  sums.usableCpu += average.milliCpu > 0 ? more * average.milliCpu : free;
  const share = ratio(usedCpu, cpu);
  sums.share += share;
  sums.shareSquared += share ** 2;
  sums.pods += pods;
  sums.podsSquared += pods ** 2;
  sums.most = Math.max(sums.most, pods);
}

/** The shape of a state, as it is. */
export function shapeOf(state: WorkingState, average: AveragePod): ClusterShape {
  const sums = zero();
  for (const row of state.presentRows) add(sums, state, row, average);
  return {
    nodesInUse: sums.inUse,
    cpuUtilisation: ratio(sums.cpu, sums.cpuInUse),
    memoryUtilisation: ratio(sums.memory, sums.memoryInUse),
    fragmentation: sums.freeCpu === 0 ? 0 : 1 - sums.usableCpu / sums.freeCpu,
    cpuDeviation: deviation(sums.share, sums.shareSquared, sums.nodes),
    podsPerNode: {
      mean: ratio(sums.pods, sums.nodes),
      deviation: deviation(sums.pods, sums.podsSquared, sums.nodes),
      most: sums.most,
    },
  };
}

/** Mean of shapes. */
class MeanShape {
  readonly #sums = new Float64Array(8);
  #count = 0;

  add({ podsPerNode: { mean, deviation: spread, most }, ...shape }: ClusterShape): void {
    this.#count += 1;
    const { nodesInUse, cpuUtilisation, memoryUtilisation, fragmentation, cpuDeviation } = shape;
    const values = [nodesInUse, cpuUtilisation, memoryUtilisation, fragmentation, cpuDeviation, mean, spread, most];
    for (const [at, value] of values.entries()) this.#sums[at] = (this.#sums[at] ?? 0) + value;
  }

  get shape(): ClusterShape {
    const mean = (at: number): number => ratio(this.#sums[at] ?? 0, this.#count);
    return {
      nodesInUse: mean(0),
      cpuUtilisation: mean(1),
      memoryUtilisation: mean(2),
      fragmentation: mean(3),
      cpuDeviation: mean(4),
      podsPerNode: { mean: mean(5), deviation: mean(6), most: mean(7) },
    };
  }
}

/** Mean shapes under two schedulers, over batches that each begin with what really is. */
export class ShapesOfTwo {
  readonly #state = new WorkingState();
  readonly #live = new MeanShape();
  readonly #candidate = new MeanShape();
  #pods = 0;
  #milliCpu = 0;
  #memoryBytes = 0;

  add(
    pods: readonly PodInfo[],
    snapshot: SchedulerSnapshot,
    { live, candidate }: { readonly live: readonly Decision[]; readonly candidate: readonly Decision[] },
  ): void {
    for (const {
      class: { request },
    } of pods) {
      this.#pods += 1;
      this.#milliCpu += request.milliCpu;
      this.#memoryBytes += request.memoryBytes;
    }
    this.#live.add(this.#after(pods, snapshot, live));
    this.#candidate.add(this.#after(pods, snapshot, candidate));
  }

  get shapes(): { readonly live: ClusterShape; readonly candidate: ClusterShape } {
    return { live: this.#live.shape, candidate: this.#candidate.shape };
  }

  #after(pods: readonly PodInfo[], snapshot: SchedulerSnapshot, decisions: readonly Decision[]): ClusterShape {
    const state = this.#state;
    state.sync(snapshot);
    for (const [at, pod] of pods.entries()) {
      const decision = decisions[at];
      const row = decision?.outcome === 'bind' ? state.rowOf(decision.nodeName) : undefined;
      if (row !== undefined) state.add(row, pod);
    }
    return shapeOf(state, {
      milliCpu: ratio(this.#milliCpu, this.#pods),
      memoryBytes: ratio(this.#memoryBytes, this.#pods),
    });
  }
}

/** How pods would lie on nodes after a batch, by the decisions of one scheduler. */
import type { Decision, PodInfo, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';
import type { ClusterShape } from '@timonel/sdk/contracts/scheduler-shadow';
import { WorkingState } from '@timonel/sdk/scheduling';

/** What pods ask for on average. */
interface AveragePod {
  readonly milliCpu: number;
  readonly memoryBytes: number;
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
const deviation = (sum: number, squares: number, count: number): number =>
  count === 0 ? 0 : Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));

/** Requested of allocatable, of the nodes that have pods. */
function utilisationOf(state: WorkingState, resource: string): number {
  const [allocatable, requested, pods] = [state.allocatable(resource), state.requested(resource), state.podCount];
  let [used, there] = [0, 0];
  const rows = state.presentRows;
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at] as number;
    if ((pods[row] ?? 0) === 0) continue;
    used += requested[row] ?? 0;
    there += allocatable[row] ?? 0;
  }
  return ratio(used, there);
}

function fragmentationOf(state: WorkingState, { milliCpu, memoryBytes }: AveragePod): number {
  const [cpu, usedCpu] = [state.allocatable('cpu'), state.requested('cpu')];
  const [memory, usedMemory] = [state.allocatable('memory'), state.requested('memory')];
  const { allocatablePods, podCount } = state;
  let [freeCpu, usableCpu] = [0, 0];
  const rows = state.presentRows;
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at] as number;
    const free = (cpu[row] ?? 0) - (usedCpu[row] ?? 0);
    if (free <= 0) continue;
    freeCpu += free;
    const slots = (allocatablePods[row] ?? 0) - (podCount[row] ?? 0);
    const byMemory = memoryBytes > 0 ? ((memory[row] ?? 0) - (usedMemory[row] ?? 0)) / memoryBytes : slots;
    usableCpu += Math.max(0, Math.floor(Math.min(free / milliCpu, byMemory, slots))) * milliCpu;
  }
  return milliCpu === 0 || freeCpu === 0 ? 0 : 1 - usableCpu / freeCpu;
}

function podsOverNodes(state: WorkingState): ClusterShape['podsPerNode'] & { readonly inUse: number } {
  const { podCount, nodeCount } = state;
  let [inUse, sum, squares, most] = [0, 0, 0, 0];
  const rows = state.presentRows;
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at] as number;
    const pods = podCount[row] ?? 0;
    if (pods > 0) inUse += 1;
    sum += pods;
    squares += pods * pods;
    if (pods > most) most = pods;
  }
  return { inUse, mean: ratio(sum, nodeCount), deviation: deviation(sum, squares, nodeCount), most };
}

function cpuDeviationOf(state: WorkingState): number {
  const [cpu, usedCpu] = [state.allocatable('cpu'), state.requested('cpu')];
  let [sum, squares] = [0, 0];
  const rows = state.presentRows;
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at] as number;
    const share = ratio(usedCpu[row] ?? 0, cpu[row] ?? 0);
    sum += share;
    squares += share * share;
  }
  return deviation(sum, squares, state.nodeCount);
}

/** The shape of a state, as it is. */
export function shapeOf(state: WorkingState, average: AveragePod): ClusterShape {
  const { inUse, ...podsPerNode } = podsOverNodes(state);
  return {
    nodesInUse: inUse,
    cpuUtilisation: utilisationOf(state, 'cpu'),
    memoryUtilisation: utilisationOf(state, 'memory'),
    fragmentation: fragmentationOf(state, average),
    cpuDeviation: cpuDeviationOf(state),
    podsPerNode,
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

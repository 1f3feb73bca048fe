import { skip, success, type SchedulingPlugin } from '@timonel/sdk/contracts/scheduler';
import { podTopologySpread } from '@timonel/sdk/scheduling/rules';

/**
 * Decides among nodes that MostAllocated, which rounds, takes for equally full: on large nodes a small pod makes no difference to it, and
 * the first ones would go to a node each.
 */
export function fullestFirst(): SchedulingPlugin {
  return {
    name: 'FullestFirst',
    score({ class: { scoringRequest } }, { rows, count, view }, scores) {
      const [cpu, memory] = [view.allocatable('cpu'), view.allocatable('memory')];
      const [usedCpu, usedMemory] = [view.scoringMilliCpu, view.scoringMemoryBytes];
      for (let at = 0; at < count; at += 1) {
        const row = rows[at] as number;
        const ofCpu = share((usedCpu[row] as number) + scoringRequest.milliCpu, cpu[row] as number);
        const ofMemory = share((usedMemory[row] as number) + scoringRequest.memoryBytes, memory[row] as number);
        scores[row] = 50 * (ofCpu + ofMemory);
      }
    },
  };
}

function share(used: number, allocatable: number): number {
  return allocatable > 0 ? Math.min(1, used / allocatable) : 0;
}

/** Pods are spread when they ask for it themselves, not by default. */
export function explicitSpread(): SchedulingPlugin {
  const standard = podTopologySpread();
  return {
    ...standard,
    preScore: (pod, nodes) =>
      pod.class.spread.some(({ isDefault }) => isDefault)
        ? { status: skip }
        : (standard.preScore?.(pod, nodes) ?? { status: success }),
  };
}

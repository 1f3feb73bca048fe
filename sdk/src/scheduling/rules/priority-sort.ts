import type { SchedulingPlugin } from '../../contracts/scheduler/index.ts';

/** The highest priority first, then the pod that has waited longest. */
export function prioritySort(): SchedulingPlugin {
  return {
    name: 'PrioritySort',
    requeueHints: [],
    queueSort: (a, b) => b.pod.class.priority - a.pod.class.priority || a.sequence - b.sequence,
  };
}

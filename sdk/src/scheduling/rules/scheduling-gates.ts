import { success, type SchedulingPlugin } from '../../contracts/scheduler/index.ts';

/** Pods with scheduling gates stay out of the queue. Source: KEP-3521. */
export function schedulingGates(): SchedulingPlugin {
  return {
    name: 'SchedulingGates',
    // A gate goes with a change of the pod itself, which is tried again anyway.
    requeueHints: [],
    preEnqueue: ({ pod }) => {
      const gates = pod.spec.schedulingGates ?? [];
      if (gates.length === 0) return success;
      const names = gates.map(({ name }) => name).join(' ');
      return { code: 'pending', reasonCode: 'scheduling-gates', reason: `waiting for scheduling gates: [${names}]` };
    },
  };
}

import type { Reason, SchedulingPlugin } from '../../contracts/scheduler/index.ts';
import { oneOf } from './words.ts';
import { NodeNumbers } from './row-facts.ts';
import { isTolerated } from './tolerations.ts';

const unschedulable: Reason = Object.freeze({
  code: 'node-unschedulable',
  text: 'node(s) were unschedulable',
  resolvable: false,
});

const taint = Object.freeze({ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' });

/** Nodes that are cordoned take no pods but those that tolerate it, as pods of DaemonSets do. */
export function nodeUnschedulable(): SchedulingPlugin {
  const cordoned = new NodeNumbers((node) => (node?.spec.unschedulable === true ? 1 : 0));
  return {
    name: 'NodeUnschedulable',
    requeueHints: [
      {
        event: 'node-added',
        helps: (_, event) => event.kind === 'node-added' && event.node.spec.unschedulable !== true,
      },
      {
        event: 'node-updated',
        helps: (_, event) =>
          event.kind === 'node-updated' &&
          event.old.spec.unschedulable === true &&
          event.node.spec.unschedulable !== true,
      },
    ],
    filter: (pod, { rows, count, view }, verdicts) => {
      if (isTolerated(pod.class.tolerations, taint)) return;
      const ofRow = cordoned.of(view);
      for (let at = 0; at < count; at += 1) {
        const row = rows[at] as number;
        if (ofRow[row] === 1) verdicts.reject(row, unschedulable);
      }
    },
    explain: (_, { rows, count, view }) => {
      const node = view.names[rows[0] as number] ?? '';
      return { detail: { node }, unblock: `uncordon ${oneOf(count, node)}` };
    },
  };
}

import { skip, success, type Reason, type SchedulingPlugin } from '../../contracts/scheduler/index.ts';

const otherNode: Reason = Object.freeze({
  code: 'node-name',
  text: "node(s) didn't match the requested node name",
  resolvable: false,
});

/** A pod that names its node goes there or nowhere. */
export function nodeName(): SchedulingPlugin {
  return {
    name: 'NodeName',
    requeueHints: [
      {
        event: 'node-added',
        helps: ({ pod }, event) => event.kind === 'node-added' && event.node.metadata.name === pod.spec.nodeName,
      },
    ],
    // The name is no part of the pod's class.
    filterScope: 'cluster',
    preFilter: ({ pod }) => ({ status: (pod.spec.nodeName ?? '') === '' ? skip : success }),
    filter: ({ pod }, { rows, count, view }, verdicts) => {
      for (let at = 0; at < count; at += 1) {
        const row = rows[at] as number;
        if (view.names[row] !== pod.spec.nodeName) verdicts.reject(row, otherNode);
      }
    },
    explain: ({ pod }, { view }) => {
      const wanted = pod.spec.nodeName ?? '';
      const exists = view.rowOf(wanted) !== undefined;
      return {
        detail: { nodeName: wanted, exists },
        unblock: exists ? `take spec.nodeName ${wanted} from the pod` : `add node ${wanted}`,
      };
    },
  };
}

import type { Node, Taint, Toleration } from '../../kube/index.ts';
import {
  success,
  type ClusterView,
  type Explained,
  type NodeBatch,
  type PodInfo,
  type Reason,
  type SchedulingPlugin,
} from '../../contracts/scheduler/index.ts';
import { nearestRow } from './nearest.ts';
import { NodeNumbers } from './row-facts.ts';
import { isTolerated, keepsAway, taintText, untolerated } from './tolerations.ts';
import { listed } from './words.ts';

/** Taints that several nodes have in common. */
interface TaintSet {
  readonly hard: readonly Taint[];
  readonly soft: readonly Taint[];
}

const keptLimit = 4096;

/** The same number for the same taints; 0 for none. */
class TaintSets {
  readonly #ids = new Map<string, number>();
  readonly byId: TaintSet[] = [{ hard: [], soft: [] }];

  idOf(taints: readonly Taint[] | undefined): number {
    if (taints === undefined || taints.length === 0) return 0;
    const key = JSON.stringify(taints.map(({ key, value = '', effect }) => [key, value, effect]));
    let id = this.#ids.get(key);
    if (id === undefined) {
      const soft = taints.filter(({ effect }) => effect === 'PreferNoSchedule');
      id = this.byId.push({ hard: taints.filter(keepsAway), soft }) - 1;
      this.#ids.set(key, id);
    }
    return id;
  }
}

class TaintReasons {
  readonly #reasons = new Map<string, Reason>();

  of({ key, value = '' }: Taint): Reason {
    const text = `node(s) had untolerated taint {${key}: ${value}}`;
    let reason = this.#reasons.get(text);
    if (reason === undefined) {
      if (this.#reasons.size >= keptLimit) this.#reasons.clear();
      reason = Object.freeze({ code: 'untolerated-taint', text, resolvable: false });
      this.#reasons.set(text, reason);
    }
    return reason;
  }
}

const softTolerations = (tolerations: readonly Toleration[]): Toleration[] =>
  tolerations.filter(({ effect = '' }) => effect === '' || effect === 'PreferNoSchedule');

function explained({ class: { tolerations } }: PodInfo, nodes: NodeBatch): Explained {
  const { view, count } = nodes;
  const row = nearestRow(nodes, (row) => untolerated(tolerations, view.nodes[row]).length);
  const taints = untolerated(tolerations, view.nodes[row]);
  const [first] = taints;
  return {
    detail: { key: first?.key, value: first?.value ?? '', effect: first?.effect, node: view.names[row], nodes: count },
    unblock: `tolerate ${listed(taints.map(taintText))}`,
  };
}

/** Whether the pod tolerates the node now, and did not before. */
function newlyTolerated({ class: { tolerations } }: PodInfo, node: Node, old?: Node): boolean {
  if (untolerated(tolerations, node).length > 0) return false;
  return old === undefined || untolerated(tolerations, old).length > 0;
}

/** The sets of the taints of nodes, by row. A new index takes its place when it has seen too many. */
class TaintIndex {
  #sets = new TaintSets();
  #ofRow = this.#numbers();

  #numbers(): NodeNumbers {
    return new NodeNumbers((node) => this.#sets.idOf(node?.spec.taints));
  }

  of(view: ClusterView): { readonly ids: Int32Array; readonly sets: readonly TaintSet[] } {
    if (this.#sets.byId.length > keptLimit + view.nodeCount) {
      this.#sets = new TaintSets();
      this.#ofRow = this.#numbers();
    }
    return { ids: this.#ofRow.of(view), sets: this.#sets.byId };
  }
}

/** Nodes with taints that the pod does not tolerate are out; with fewer soft ones they are better. */
export function taintToleration(): SchedulingPlugin {
  const reasons = new TaintReasons();
  const index = new TaintIndex();
  return {
    name: 'TaintToleration',
    weight: 3,
    requeueHints: [
      { event: 'node-added', helps: (pod, event) => event.kind === 'node-added' && newlyTolerated(pod, event.node) },
      {
        event: 'node-updated',
        helps: (pod, event) => event.kind === 'node-updated' && newlyTolerated(pod, event.node, event.old),
      },
    ],
    filter: ({ class: { tolerations } }, { rows, count, view }, verdicts) => {
      const { ids, sets } = index.of(view);
      const known: (Reason | null | undefined)[] = [];
      for (let at = 0; at < count; at += 1) {
        const row = rows[at] as number;
        const id = ids[row] as number;
        if (id === 0) continue;
        let reason = known[id];
        if (reason === undefined) {
          const taint = sets[id]?.hard.find((hard) => !isTolerated(tolerations, hard));
          reason = taint === undefined ? null : reasons.of(taint);
          known[id] = reason;
        }
        if (reason !== null) verdicts.reject(row, reason);
      }
    },
    explain: explained,
    preScore: ({ class: { tolerations } }) => ({ status: success, state: softTolerations(tolerations) }),
    score: (_, { rows, count, view }, scores, state) => {
      const { ids, sets } = index.of(view);
      const tolerations = state as readonly Toleration[];
      const known: (number | undefined)[] = [0];
      for (let at = 0; at < count; at += 1) {
        const row = rows[at] as number;
        const id = ids[row] as number;
        scores[row] = known[id] ??= (sets[id]?.soft ?? []).filter((taint) => !isTolerated(tolerations, taint)).length;
      }
    },
    normalize: 'reverse-max',
  };
}

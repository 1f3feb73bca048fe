import type { Node, Taint, Toleration } from '../../kube/index.ts';
import {
  success,
  type Explained,
  type NodeBatch,
  type PodInfo,
  type Reason,
  type SchedulingPlugin,
} from '../../contracts/scheduler2/index.ts';
import { nearestRow } from './nearest.ts';
import { nodeFacts } from './row-facts.ts';
import { isTolerated, keepsAway, taintText, untolerated } from './tolerations.ts';
import { listed } from './words.ts';

/** Taints that several nodes have in common. */
interface TaintSet {
  /** An index for tables. */
  readonly id: number;
  readonly hard: readonly Taint[];
  readonly soft: readonly Taint[];
}

const setsLimit = 4096;
const none: TaintSet = { id: 0, hard: [], soft: [] };

/** The same object for the same taints. */
class TaintSets {
  readonly #sets = new Map<string, TaintSet>();
  #nextId = 1;

  of(taints: readonly Taint[] | undefined): TaintSet {
    if (taints === undefined || taints.length === 0) return none;
    const key = JSON.stringify(taints.map(({ key, value = '', effect }) => [key, value, effect]));
    let set = this.#sets.get(key);
    if (set === undefined) {
      // Sets that are forgotten stay valid: equal ones are only told apart from then on.
      if (this.#sets.size >= setsLimit) this.#sets.clear();
      const soft = taints.filter(({ effect }) => effect === 'PreferNoSchedule');
      set = { id: this.#nextId, hard: taints.filter(keepsAway), soft };
      this.#nextId += 1;
      this.#sets.set(key, set);
    }
    return set;
  }
}

class TaintReasons {
  readonly #reasons = new Map<string, Reason>();

  of({ key, value = '' }: Taint): Reason {
    const text = `node(s) had untolerated taint {${key}: ${value}}`;
    let reason = this.#reasons.get(text);
    if (reason === undefined) {
      if (this.#reasons.size >= setsLimit) this.#reasons.clear();
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

/** Nodes with taints that the pod does not tolerate are out; with fewer soft ones they are better. */
export function taintToleration(): SchedulingPlugin {
  const sets = new TaintSets();
  const reasons = new TaintReasons();
  const facts = nodeFacts((node) => sets.of(node?.spec.taints));
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
    filter: ({ class: { tolerations } }, nodes, verdicts) => {
      const { rows, count } = nodes;
      const ofRow = facts.of(nodes);
      const known: (Reason | null | undefined)[] = [];
      for (let at = 0; at < count; at += 1) {
        const row = rows[at] as number;
        const set = ofRow[row] as TaintSet;
        if (set === none) continue;
        let reason = known[set.id];
        if (reason === undefined) {
          const taint = set.hard.find((hard) => !isTolerated(tolerations, hard));
          reason = taint === undefined ? null : reasons.of(taint);
          known[set.id] = reason;
        }
        if (reason !== null) verdicts.reject(row, reason);
      }
    },
    explain: explained,
    preScore: ({ class: { tolerations } }) => ({ status: success, state: softTolerations(tolerations) }),
    score: (_, nodes, scores, state) => {
      const { rows, count } = nodes;
      const tolerations = state as readonly Toleration[];
      const ofRow = facts.of(nodes);
      for (let at = 0; at < count; at += 1) {
        const row = rows[at] as number;
        const { soft } = ofRow[row] as TaintSet;
        let bad = 0;
        for (const taint of soft) if (!isTolerated(tolerations, taint)) bad += 1;
        scores[row] = bad;
      }
    },
    normalize: 'reverse-max',
  };
}

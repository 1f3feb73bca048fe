import type { NodeSelectorTerm } from '../../kube/index.ts';
import {
  skip,
  success,
  type Explained,
  type NodeBatch,
  type PodClass,
  type PodInfo,
  type PreFilterResult,
  type Reason,
  type SchedulingPlugin,
} from '../../contracts/scheduler/index.ts';
import { equals } from './label-test.ts';
import { nearestRow } from './nearest.ts';
import { NodeCondition, nodeTerm, nodeTerms } from './node-condition.ts';
import { listed, oneOf } from './words.ts';

interface WeightedTerm {
  readonly weight: number;
  readonly preference: NodeSelectorTerm;
}

/** Source: kubescheduler.config.k8s.io/v1 NodeAffinityArgs. */
export interface NodeAffinityConfig {
  /** Affinity that every pod has beside its own. */
  readonly addedAffinity?: {
    readonly requiredDuringSchedulingIgnoredDuringExecution?: {
      readonly nodeSelectorTerms: readonly NodeSelectorTerm[];
    };
    readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly WeightedTerm[];
  };
}

const mismatch: Reason = Object.freeze({
  code: 'node-affinity',
  text: "node(s) didn't match Pod's node affinity/selector",
  resolvable: false,
});

const addedMismatch: Reason = Object.freeze({
  code: 'added-node-affinity',
  text: "node(s) didn't match scheduler-enforced node affinity",
  resolvable: false,
});

interface Preference {
  readonly weight: number;
  readonly condition: NodeCondition;
}

/** What a class of pods asks of nodes. */
interface Wishes {
  /** undefined: nothing is required. */
  readonly required: NodeCondition | undefined;
  /** Nodes that terms name; undefined: any. */
  readonly nodeNames: readonly string[] | undefined;
  readonly preferred: readonly Preference[];
}

/** Names that a term allows; undefined: it says nothing about names. */
function namesOf({ matchFields = [] }: NodeSelectorTerm): Set<string> | undefined {
  let names: Set<string> | undefined;
  for (const { key, operator, values = [] } of matchFields) {
    if (key !== 'metadata.name' || operator !== 'In') continue;
    const allowed = new Set(values);
    names = names === undefined ? allowed : new Set([...names].filter((name) => allowed.has(name)));
  }
  return names;
}

function namesOfAll(terms: readonly NodeSelectorTerm[] | undefined): readonly string[] | undefined {
  if (terms === undefined || terms.length === 0) return undefined;
  const all = new Set<string>();
  for (const term of terms) {
    const names = namesOf(term);
    if (names === undefined) return undefined;
    for (const name of names) all.add(name);
  }
  return [...all];
}

function preferences(terms: readonly WeightedTerm[]): Preference[] {
  return terms.flatMap(({ weight, preference }) => {
    const term = weight === 0 ? undefined : nodeTerm(preference);
    return term === undefined ? [] : [{ weight, condition: new NodeCondition([], [term]) }];
  });
}

function wishesOf({ nodeSelector, requiredNodeTerms, preferredNodeTerms }: PodClass): Wishes {
  const selected = Object.entries(nodeSelector).map(([key, value]) => equals(key, value));
  const terms = requiredNodeTerms === undefined ? undefined : nodeTerms(requiredNodeTerms);
  return {
    required: selected.length === 0 && terms === undefined ? undefined : new NodeCondition(selected, terms),
    nodeNames: namesOfAll(requiredNodeTerms),
    preferred: preferences(preferredNodeTerms),
  };
}

function explained(condition: NodeCondition, nodes: NodeBatch): Explained {
  const { view } = nodes;
  const changes = (row: number): readonly string[] | undefined => {
    const node = view.nodes[row];
    return node === undefined ? undefined : condition.remedies(node);
  };
  const row = nearestRow(nodes, (row) => changes(row)?.length ?? Number.POSITIVE_INFINITY);
  const node = view.names[row] ?? '';
  const missing = changes(row);
  if (missing === undefined)
    return { detail: { missing: [] }, unblock: 'name one of these nodes in the node affinity of the pod' };
  return {
    detail: { missing, node },
    unblock: `${listed(missing)} ${missing.length > 1 ? 'on' : 'to'} ${oneOf(nodes.count, node)}`,
  };
}

function reject(condition: NodeCondition | undefined, nodes: NodeBatch, refuse: (row: number) => void): void {
  if (condition === undefined) return;
  const holds = condition.over(nodes);
  for (let at = 0; at < nodes.count; at += 1) {
    const row = nodes.rows[at] as number;
    if (holds[row] === 0) refuse(row);
  }
}

function narrowed({ nodeNames }: Wishes): PreFilterResult {
  if (nodeNames === undefined) return { status: success };
  if (nodeNames.length > 0) return { status: success, nodeNames };
  return {
    status: { code: 'unresolvable', reasonCode: 'node-affinity-conflict', reason: 'pod affinity terms conflict' },
  };
}

/** `nodeSelector` and node affinity. */
export function nodeAffinity({ addedAffinity = {} }: NodeAffinityConfig = {}): SchedulingPlugin {
  const addedTerms = addedAffinity.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const added = addedTerms === undefined ? undefined : new NodeCondition([], nodeTerms(addedTerms));
  const addedPreferred = preferences(addedAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []);
  const known = new WeakMap<PodClass, Wishes>();
  const wishes = ({ class: of }: PodInfo): Wishes => {
    let made = known.get(of);
    if (made === undefined) {
      made = wishesOf(of);
      known.set(of, made);
    }
    return made;
  };
  const matches = (pod: PodInfo, node: Parameters<NodeCondition['matches']>[0]): boolean =>
    (added?.matches(node) ?? true) && (wishes(pod).required?.matches(node) ?? true);
  return {
    name: 'NodeAffinity',
    weight: 2,
    requeueHints: [
      { event: 'node-added', helps: (pod, event) => event.kind === 'node-added' && matches(pod, event.node) },
      {
        event: 'node-updated',
        helps: (pod, event) => event.kind === 'node-updated' && matches(pod, event.node) && !matches(pod, event.old),
      },
    ],
    preFilter: (pod) => {
      const of = wishes(pod);
      return of.required === undefined && added === undefined ? { status: skip } : narrowed(of);
    },
    filter: (pod, nodes, verdicts) => {
      const { required } = wishes(pod);
      const addedHolds = added?.over(nodes);
      if (addedHolds !== undefined) reject(added, nodes, (row) => verdicts.reject(row, addedMismatch));
      reject(required, nodes, (row) => {
        if (addedHolds === undefined || addedHolds[row] === 1) verdicts.reject(row, mismatch);
      });
    },
    explain: (pod, nodes, reason) => {
      const condition = reason.code === addedMismatch.code ? added : wishes(pod).required;
      return explained(condition ?? new NodeCondition([], undefined), nodes);
    },
    preScore: (pod) => ({ status: wishes(pod).preferred.length + addedPreferred.length > 0 ? success : skip }),
    score: (pod, nodes, scores) => {
      const { rows, count } = nodes;
      for (let at = 0; at < count; at += 1) scores[rows[at] as number] = 0;
      for (const { weight, condition } of [...addedPreferred, ...wishes(pod).preferred]) {
        const holds = condition.over(nodes);
        for (let at = 0; at < count; at += 1) {
          const row = rows[at] as number;
          if (holds[row] === 1) scores[row] = (scores[row] as number) + weight;
        }
      }
    },
    normalize: 'max',
  };
}

/** Pods of a kind spread evenly over zones, nodes and the like. Source: core/v1 TopologySpreadConstraint. */
import {
  nodeTopology,
  skip,
  success,
  type ClusterView,
  type DomainCounts,
  type NodeBatch,
  type PodClass,
  type PodInfo,
  type PreFilterResult,
  type Reason,
  type SchedulingPlugin,
  type SpreadConstraint,
  type Verdicts,
} from '../../contracts/scheduler/index.ts';
import { explainSpread } from './pod-topology-spread-why.ts';
import { spreadHints } from './pod-topology-spread-hints.ts';
import { leastOf, spreadCounts } from './spread-counts.ts';
import { SpreadNodeSets, type SpreadNodes } from './spread-nodes.ts';

const hostnameLabel = 'kubernetes.io/hostname';

const uneven: Reason = Object.freeze({
  code: 'topology-spread',
  text: "node(s) didn't match pod topology spread constraints",
  resolvable: true,
});

const unlabelled: Reason = Object.freeze({
  code: 'topology-spread-label',
  text: "node(s) didn't match pod topology spread constraints (missing required label)",
  resolvable: false,
});

/** A constraint, with the nodes that it counts. What is placed is looked up when it is needed. */
export interface Spread {
  readonly constraint: SpreadConstraint;
  readonly nodes: SpreadNodes;
}

interface Kinds {
  readonly hard: readonly SpreadConstraint[];
  readonly soft: readonly SpreadConstraint[];
}

const kinds = new WeakMap<PodClass, Kinds>();

function kindsOf(pod: PodClass): Kinds {
  let known = kinds.get(pod);
  if (known === undefined) {
    known = {
      hard: pod.spread.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule'),
      soft: pod.spread.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'ScheduleAnyway'),
    };
    kinds.set(pod, known);
  }
  return known;
}

function spreadsOf(sets: SpreadNodeSets, view: ClusterView, pod: PodClass, constraints: Kinds['hard']): Spread[] {
  const keys = constraints.filter(({ isDefault }) => !isDefault).map(({ topologyKey }) => topologyKey);
  return constraints.map((constraint) => ({ constraint, nodes: sets.of(view, pod, keys, constraint) }));
}

/** What a constraint says about each domain. */
interface Limits {
  readonly ofRow: Int32Array;
  /** By domain: 1 where one more pod is too much. */
  readonly isFull: Uint8Array;
}

function limitsOf(view: ClusterView, { constraint, nodes }: Spread): Limits {
  const { topologyKey, minDomains, maxSkew, selfMatch } = constraint;
  const table = spreadCounts(view, constraint, nodes);
  const most = maxSkew + leastOf(table, minDomains).pods - (selfMatch ? 1 : 0);
  const isFull = new Uint8Array(table.length);
  for (let domain = 0; domain < table.length; domain += 1) {
    if (Math.max(0, table[domain] as number) > most) isFull[domain] = 1;
  }
  return { ofRow: view.domains(topologyKey).ofRow, isFull };
}

function verdict(limits: readonly Limits[], row: number): Reason | undefined {
  for (const { ofRow, isFull } of limits) {
    const domain = ofRow[row] as number;
    if (domain < 0) return unlabelled;
    if (isFull[domain] === 1) return uneven;
  }
  return undefined;
}

function filter(_: PodInfo, { rows, count, view }: NodeBatch, verdicts: Verdicts, state: unknown): void {
  const limits = (state as readonly Spread[]).map((spread) => limitsOf(view, spread));
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    const reason = verdict(limits, row);
    if (reason !== undefined) verdicts.reject(row, reason);
  }
}

/** What a soft constraint adds to the score of nodes. */
interface Addend {
  readonly ofRow: Int32Array;
  readonly byDomain: Float64Array | undefined;
  /** Pods of the node itself count. */
  readonly perNode: DomainCounts | undefined;
  readonly weight: number;
  readonly tolerance: number;
}

/** Nodes that lack a label which they should have are not scored. */
const ignored = -1;

interface ScoreState {
  readonly spreads: readonly Spread[];
  /** Nodes without these labels are ignored. */
  readonly required: readonly Int32Array[];
}

/** The candidates that are scored. */
function scoredOf({ rows, count, view }: NodeBatch, required: readonly Int32Array[], scores: Float64Array): NodeBatch {
  const kept = new Int32Array(count);
  let size = 0;
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    let has = true;
    for (const ofRow of required) if ((ofRow[row] as number) < 0) has = false;
    if (has) {
      kept[size] = row;
      size += 1;
    } else scores[row] = ignored;
  }
  return { rows: kept, count: size, view };
}

/** In how many domains the nodes are; those without the label are one more. */
function sizeOf(ofRow: Int32Array, domains: number, { rows, count }: NodeBatch): number {
  const isSeen = new Uint8Array(domains + 1);
  let size = 0;
  for (let at = 0; at < count; at += 1) {
    const domain = (ofRow[rows[at] as number] as number) + 1;
    size += 1 - (isSeen[domain] as number);
    isSeen[domain] = 1;
  }
  return size;
}

function addendOf(scored: NodeBatch, { constraint, nodes }: Spread): Addend {
  const { view } = scored;
  const { topologyKey, maxSkew, matcher } = constraint;
  const { ofRow, count } = view.domains(topologyKey);
  const tolerance = maxSkew - 1;
  if (topologyKey === hostnameLabel) {
    const weight = Math.log(scored.count + 2);
    return { ofRow, byDomain: undefined, perNode: view.matching(matcher, nodeTopology, false), weight, tolerance };
  }
  const weight = Math.log(sizeOf(ofRow, count, scored) + 2);
  const byDomain = Float64Array.from(spreadCounts(view, constraint, nodes), (pods) => Math.max(0, pods) * weight);
  return { ofRow, byDomain, perNode: undefined, weight, tolerance };
}

function score(_: PodInfo, nodes: NodeBatch, scores: Float64Array, state: unknown): void {
  const { spreads, required } = state as ScoreState;
  const scored = scoredOf(nodes, required, scores);
  const addends = spreads.map((spread) => addendOf(scored, spread));
  const { rows, count } = scored;
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    let sum = 0;
    for (const { ofRow, byDomain, perNode, weight, tolerance } of addends) {
      const domain = ofRow[row] as number;
      if (domain < 0) continue;
      sum += (byDomain === undefined ? (perNode?.of(row) ?? 0) * weight : (byDomain[domain] as number)) + tolerance;
    }
    scores[row] = Math.round(sum);
  }
}

/** The fewest pods become the highest score. */
function normalize(scores: Float64Array, { rows, count }: NodeBatch): void {
  let min = Number.POSITIVE_INFINITY;
  let max = 0;
  for (let at = 0; at < count; at += 1) {
    const value = scores[rows[at] as number] as number;
    if (value === ignored) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    const value = scores[row] as number;
    if (value === ignored) scores[row] = 0;
    else scores[row] = max === 0 ? 100 : Math.floor((100 * (max + min - value)) / max);
  }
}

export function podTopologySpread(): SchedulingPlugin {
  const sets = new SpreadNodeSets();
  return {
    name: 'PodTopologySpread',
    weight: 2,
    requeueHints: spreadHints,
    filterScope: 'cluster',
    preFilter: ({ class: pod }, view): PreFilterResult => {
      const { hard } = kindsOf(pod);
      return hard.length === 0 ? { status: skip } : { status: success, state: spreadsOf(sets, view, pod, hard) };
    },
    filter,
    explain: explainSpread,
    scoreScope: 'cluster',
    preScore: ({ class: pod }, { view }) => {
      const { soft } = kindsOf(pod);
      if (soft.length === 0) return { status: skip };
      const keys = soft.filter(({ isDefault }) => !isDefault).map(({ topologyKey }) => topologyKey);
      const required = keys.map((key) => view.domains(key).ofRow);
      const state: ScoreState = { spreads: spreadsOf(sets, view, pod, soft), required };
      return { status: success, state };
    },
    score,
    normalize,
  };
}

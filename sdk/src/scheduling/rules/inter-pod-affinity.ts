/**
 * Pods that want to be near others, and pods that do not want to. Terms are counted by domain, so that a node costs one look at each count.
 * Source: core/v1 PodAffinity and PodAntiAffinity.
 */
import {
  skip,
  success,
  type DomainCounts,
  type NodeBatch,
  type PlacedTerm,
  type PodClass,
  type PodInfo,
  type PodMatcher,
  type PodTerm,
  type PreFilterResult,
  type Reason,
  type SchedulingPlugin,
  type TopologyDomains,
  type Verdicts,
} from '../../contracts/scheduler/index.ts';
import type { ClusterView } from '../../contracts/scheduler/view.ts';
import { explainAffinity } from './inter-pod-affinity-why.ts';
import { affinityHints } from './inter-pod-affinity-hints.ts';

/** Source: kubescheduler.config.k8s.io/v1 InterPodAffinityArgs. */
export interface InterPodAffinityConfig {
  /** What a placed pod's required term is worth to a pod that it means; 0 … 100. Default: 1. */
  readonly hardPodAffinityWeight?: number;
  /** Pods without preferred terms of their own are not scored. */
  readonly ignorePreferredTermsOfExistingPods?: boolean;
}

const affinityMismatch: Reason = Object.freeze({
  code: 'pod-affinity',
  text: "node(s) didn't match pod affinity rules",
  resolvable: false,
});

const antiAffinityMismatch: Reason = Object.freeze({
  code: 'pod-anti-affinity',
  text: "node(s) didn't match pod anti-affinity rules",
  resolvable: true,
});

const placedAntiAffinityMismatch: Reason = Object.freeze({
  code: 'existing-pod-anti-affinity',
  text: "node(s) didn't satisfy existing pods anti-affinity rules",
  resolvable: true,
});

/** A term with the pods that matter to it, by domain. */
export interface CountedTerm {
  readonly term: PodTerm;
  readonly domains: TopologyDomains;
  readonly counts: DomainCounts;
}

/** Counts are live: they show what is placed at the moment of looking. */
export interface AffinityState {
  /** Every domain of a node must have some. */
  readonly wanted: readonly CountedTerm[];
  /** The pod is one of those that it wants: the first of them may go anywhere. */
  readonly wantsItself: boolean;
  /** No domain of a node may have any. */
  readonly unwanted: readonly CountedTerm[];
  /** Owners of terms that the pod must not meet. */
  readonly unwelcoming: readonly CountedTerm[];
}

const conjunctions = new WeakMap<PodClass, PodMatcher>();

/** Pods that all required terms mean: one such pod must be there, not one for each term. */
function wantedPods(pod: PodClass): PodMatcher {
  let matcher = conjunctions.get(pod);
  if (matcher === undefined) {
    const all = [...new Map(pod.requiredAffinity.map((term) => [term.matcher.key, term.matcher])).values()];
    matcher =
      all.length === 1 && all[0] !== undefined
        ? all[0]
        : {
            key: `all ${all
              .map(({ key }) => key)
              .toSorted()
              .join(' ')}`,
            byNamespaceLabels: all.some(({ byNamespaceLabels }) => byNamespaceLabels),
            matches: (other, labels) => all.every((one) => one.matches(other, labels)),
          };
    conjunctions.set(pod, matcher);
  }
  return matcher;
}

function counted(view: ClusterView, term: PodTerm, matcher: PodMatcher): CountedTerm {
  const { topologyKey } = term;
  return { term, domains: view.domains(topologyKey), counts: view.matching(matcher, topologyKey, true) };
}

function owned(view: ClusterView, { term, owners }: PlacedTerm): CountedTerm {
  return { term, domains: view.domains(term.topologyKey), counts: owners };
}

function preFilter(pod: PodInfo, view: ClusterView): PreFilterResult {
  const { requiredAffinity, requiredAntiAffinity } = pod.class;
  const unwelcoming: CountedTerm[] = [];
  for (const placed of view.placedTermsAbout('required-anti-affinity', pod.class)) {
    if (placed.owners.inDomains > 0) unwelcoming.push(owned(view, placed));
  }
  if (requiredAffinity.length + requiredAntiAffinity.length + unwelcoming.length === 0) return { status: skip };
  const matcher = wantedPods(pod.class);
  const state: AffinityState = {
    wanted: requiredAffinity.map((term) => counted(view, term, matcher)),
    wantsItself: requiredAffinity.length > 0 && view.matches(matcher, pod.class),
    unwanted: requiredAntiAffinity.map((term) => counted(view, term, term.matcher)),
    unwelcoming,
  };
  return { status: success, state };
}

/** Whether nobody is there yet whom the pod wants, and it may be the first. */
function mayBeFirst({ wanted, wantsItself }: AffinityState): boolean {
  return wantsItself && wanted.every(({ counts }) => counts.inDomains === 0);
}

function isWithWanted(wanted: readonly CountedTerm[], row: number, isFirst: boolean): boolean {
  for (const { domains, counts } of wanted) {
    const domain = domains.ofRow[row] as number;
    if (domain < 0 || (!isFirst && counts.of(domain) === 0)) return false;
  }
  return true;
}

function meetsAny(terms: readonly CountedTerm[], row: number): boolean {
  for (const { domains, counts } of terms) {
    const domain = domains.ofRow[row] as number;
    if (domain >= 0 && counts.of(domain) > 0) return true;
  }
  return false;
}

function filter(_: PodInfo, { rows, count }: NodeBatch, verdicts: Verdicts, of: unknown): void {
  const state = of as AffinityState;
  const { wanted, unwanted, unwelcoming } = state;
  const isFirst = mayBeFirst(state);
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    if (!isWithWanted(wanted, row, isFirst)) verdicts.reject(row, affinityMismatch);
    else if (meetsAny(unwanted, row)) verdicts.reject(row, antiAffinityMismatch);
    else if (meetsAny(unwelcoming, row)) verdicts.reject(row, placedAntiAffinityMismatch);
  }
}

interface Weighed {
  readonly topologyKey: string;
  readonly counts: DomainCounts;
  readonly weight: number;
}

function weigh(pod: PodClass, view: ClusterView, hardWeight: number): Weighed[] {
  const all: Weighed[] = [];
  const add = (topologyKey: string, counts: DomainCounts, weight: number): void => {
    if (counts.inDomains > 0) all.push({ topologyKey, counts, weight });
  };
  for (const { topologyKey, matcher, weight } of pod.preferredAffinity) {
    add(topologyKey, view.matching(matcher, topologyKey, true), weight);
  }
  for (const { topologyKey, matcher, weight } of pod.preferredAntiAffinity) {
    add(topologyKey, view.matching(matcher, topologyKey, true), -weight);
  }
  for (const { term, weight, owners } of view.placedTermsAbout('preferred', pod)) {
    add(term.topologyKey, owners, weight);
  }
  if (hardWeight > 0) {
    for (const { term, owners } of view.placedTermsAbout('required-affinity', pod)) {
      add(term.topologyKey, owners, hardWeight);
    }
  }
  return all;
}

interface DomainScores {
  readonly ofRow: Int32Array;
  readonly scores: Float64Array;
}

function scoresByDomain(view: ClusterView, all: readonly Weighed[]): DomainScores[] {
  const tables = new Map<string, DomainScores>();
  for (const { topologyKey, counts, weight } of all) {
    const domains = view.domains(topologyKey);
    let table = tables.get(topologyKey);
    if (table === undefined) {
      table = { ofRow: domains.ofRow, scores: new Float64Array(domains.count) };
      tables.set(topologyKey, table);
    }
    const { scores } = table;
    for (let domain = 0; domain < scores.length; domain += 1) {
      scores[domain] = (scores[domain] as number) + weight * counts.of(domain);
    }
  }
  return [...tables.values()];
}

function score(_: PodInfo, { rows, count, view }: NodeBatch, scores: Float64Array, state: unknown): void {
  const tables = scoresByDomain(view, state as readonly Weighed[]);
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    let sum = 0;
    for (const table of tables) {
      const domain = table.ofRow[row] as number;
      if (domain >= 0) sum += table.scores[domain] as number;
    }
    scores[row] = sum;
  }
}

/** The lowest becomes 0, the highest 100. */
function normalize(scores: Float64Array, { rows, count }: NodeBatch): void {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < count; at += 1) {
    const value = scores[rows[at] as number] as number;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const range = max - min;
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    scores[row] = range > 0 ? Math.trunc(100 * (((scores[row] as number) - min) / range)) : 0;
  }
}

export function interPodAffinity({
  hardPodAffinityWeight = 1,
  ignorePreferredTermsOfExistingPods = false,
}: InterPodAffinityConfig = {}): SchedulingPlugin {
  return {
    name: 'InterPodAffinity',
    weight: 2,
    requeueHints: affinityHints,
    filterScope: 'cluster',
    preFilter,
    filter,
    explain: explainAffinity,
    scoreScope: 'cluster',
    preScore: ({ class: pod }, { view }) => {
      const hasOwn = pod.preferredAffinity.length + pod.preferredAntiAffinity.length > 0;
      if (ignorePreferredTermsOfExistingPods && !hasOwn) return { status: skip };
      const state = weigh(pod, view, hardPodAffinityWeight);
      return state.length === 0 ? { status: skip } : { status: success, state };
    },
    score,
    normalize,
  };
}

/** What plugins of the framework see of the cluster: columns, as they are after the decisions made so far. Read-only for them. */
import type { Node } from '../../kube/index.ts';
import type { PodClass, PodInfo, PodMatcher, PodTerm } from './pod-info.ts';
import type { ClusterObjects } from './snapshot.ts';

/** Values of one label of nodes, as numbers. */
export interface TopologyDomains {
  /** By row; -1: the node has no such label. Longer than the number of rows. */
  readonly ofRow: Int32Array;
  /** Domains are 0 … count - 1; some may have no node at present. */
  readonly count: number;
  /** The label's value. */
  valueOf(domain: number): string;
  /** How many nodes are in the domain. */
  nodesIn(domain: number): number;
}

/** In place of a topology key: every node is a domain of its own, with the number of its row. */
export const nodeTopology = '';

/** A number for each domain of a topology. */
export interface DomainCounts {
  /** 0 for one that was never counted. */
  of(domain: number): number;
  /** Of all domains together, and of nodes without the label. */
  readonly total: number;
  /** Of all domains together. */
  readonly inDomains: number;
}

/** A term that placed pods have, with the number of its owners in each domain of its topology. */
export interface PlacedTerm {
  readonly term: PodTerm;
  /** Of preferred terms: weight, negative for anti-affinity. Otherwise 0. */
  readonly weight: number;
  readonly owners: DomainCounts;
}

/** What pods ask for together. */
export interface PodUsage {
  readonly milliCpu: number;
  readonly memoryBytes: number;
  readonly pods: number;
}

/** Placed pods by the value of one of their labels. */
export interface UsageByLabel {
  /** Of the pods with this value. undefined: of those without the label. */
  of(value: string | undefined): PodUsage;
  /** Values that placed pods have. */
  values(): Iterable<string | undefined>;
}

export type PlacedTermKind = 'required-affinity' | 'required-anti-affinity' | 'preferred';

export interface ClusterView {
  /** Rows, those without a node included. */
  readonly size: number;
  readonly nodeCount: number;
  /** '' where there is no node. */
  readonly names: readonly string[];
  readonly nodes: readonly (Node | undefined)[];
  /** Grows whenever a node comes, goes or changes. */
  readonly nodesGeneration: number;
  /** The row of a node; undefined: there is no such node. */
  rowOf(name: string): number | undefined;
  /** In mCPU for `cpu`, bytes for memory and ephemeral-storage, whole units otherwise. Columns are longer than `size`. */
  allocatable(resource: string): Float64Array;
  requested(resource: string): Float64Array;
  /** As `requested`, with 100 mCPU and 200 MB for containers that ask for nothing. */
  readonly scoringMilliCpu: Float64Array;
  readonly scoringMemoryBytes: Float64Array;
  readonly allocatablePods: Float64Array;
  readonly podCount: Float64Array;
  /** Do not keep the list: it may change with the next decision. */
  podsOf(row: number): readonly PodInfo[];
  /** Another number whenever the pods of the row are others. */
  podsVersion(row: number): number;
  /** What placed pods ask for, by the value of a label. Kept up to date from the first question on. */
  usageBy(labelKey: string): UsageByLabel;
  /** Nodes by the value of a label. Kept up to date from the first question on. */
  domains(topologyKey: string): TopologyDomains;
  /** How many placed pods match, by domain. Kept up to date from the first question on. `leaving`: pods that are being deleted count too. */
  matching(matcher: PodMatcher, topologyKey: string, leaving: boolean): DomainCounts;
  /** All terms of a kind that placed pods have. */
  placedTerms(kind: PlacedTermKind): Iterable<PlacedTerm>;
  /** Those of them that mean pods of a class. Some may have no owner at present. */
  placedTermsAbout(kind: PlacedTermKind, pod: PodClass): readonly PlacedTerm[];
  matches(matcher: PodMatcher, pod: PodClass): boolean;
  readonly objects: ClusterObjects;
}

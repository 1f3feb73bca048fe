/** What a scheduler decides on: the nodes with their pods, by generation, shared and never copied as a whole. */
import type { KubeObject, Node } from '../../kube/index.ts';
import type { PodInfo } from './pod-info.ts';

/** A node and its pods at one generation. Never changes; a change puts another object into its place. */
export interface NodeRow {
  readonly name: string;
  /** undefined: no node has this place at present. */
  readonly node: Node | undefined;
  /** Pods that are bound to it, or about to be. */
  readonly pods: readonly PodInfo[];
  /** Pods without a node that victims make room for here. They are not in `pods`; others of their priority or a lower one must leave them their room. */
  readonly nominated: readonly PodInfo[];
  /** The generation of its last change. */
  readonly generation: number;
}

/** Objects beside nodes and pods that rules look at. */
export interface ClusterObjects {
  /** Grows with each change of one of them. */
  readonly generation: number;
  /** Empty for a namespace that is not known. */
  namespaceLabels(namespace: string): Readonly<Record<string, string>>;
  persistentVolumeClaim(namespace: string, name: string): KubeObject | undefined;
  persistentVolume(name: string): KubeObject | undefined;
  persistentVolumes(): Iterable<KubeObject>;
  storageClass(name: string): KubeObject | undefined;
  /** Of a node, by its name. */
  csiNode(name: string): KubeObject | undefined;
  podDisruptionBudgets(): Iterable<KubeObject>;
  /** Absent: nothing is known of drivers, and they have room everywhere. */
  csiDriver?(name: string): KubeObject | undefined;
  csiStorageCapacities?(): Iterable<KubeObject>;
}

/**
 * The cluster, live: `rows` shows what is known at the moment of looking. Whoever keeps tables of his own brings them up to date
 * with `changedSince`, at the beginning of a decision, and finds there also what became of his earlier decisions.
 */
export interface SchedulerSnapshot {
  /** Grows with every change of a row. */
  readonly generation: number;
  /** A node keeps its index as long as it exists; places of nodes that are gone are used again. */
  readonly rows: readonly NodeRow[];
  /** Nodes at present. */
  readonly nodeCount: number;
  /** Indices of the rows that changed after a generation, each once; undefined: too long ago, take all. */
  changedSince(generation: number): readonly number[] | undefined;
  readonly objects: ClusterObjects;
}

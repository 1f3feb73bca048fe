/**
 * The rules once more, one node at a time and straight from objects, as the documentation of Kubernetes tells them. Slow and simple: what the
 * batches say is compared with it.
 */
import type { Node, Pod } from '../../../kube/index.ts';
import type { ClusterObjects } from '../../../contracts/scheduler/index.ts';

export interface NodeWithPods {
  readonly node: Node;
  readonly pods: readonly Pod[];
}

export interface SmallCluster {
  readonly nodes: readonly NodeWithPods[];
  readonly objects: ClusterObjects;
}

/** Texts of all reasons against the node; none: the pod can go there. */
export type ReferenceFilter = (pod: Pod, here: NodeWithPods, cluster: SmallCluster) => readonly string[];

/** The score before it is normalised. */
export type ReferenceScore = (pod: Pod, here: NodeWithPods, cluster: SmallCluster) => number;

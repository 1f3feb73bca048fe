/** Taints and labels of nodes that several parts of a cluster know. */
import type { Node } from './core.ts';

/** The node has not said yet that it is ready, or says that it is not. */
export const notReadyTaint = 'node.kubernetes.io/not-ready';

const topologyKeys = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone'];

/** Labels that pods get from their node, as by the admission plugin PodTopologyLabels: containers read them by the downward API. */
export function topologyLabelsOf({ metadata: { labels = {} } }: Pick<Node, 'metadata'>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => topologyKeys.includes(key)));
}

/** Which parts of a node differ that a rule of scheduling may look at. Heartbeats differ in none. */
import { jsonEqual } from '@timonel/sdk/controller';
import type { NodePart } from '@timonel/sdk/contracts/scheduler';
import type { Node } from '@timonel/sdk/kube';

const readers: Readonly<Record<NodePart, (node: Node) => unknown>> = {
  allocatable: ({ status }) => status?.allocatable,
  labels: ({ metadata }) => metadata.labels,
  taints: ({ spec }) => spec?.taints,
  unschedulable: ({ spec }) => spec?.unschedulable ?? false,
  images: ({ status }) => status?.images,
  conditions: ({ status }) => Object.fromEntries((status?.conditions ?? []).map(({ type, status }) => [type, status])),
};

export function changedParts(old: Node, node: Node): readonly NodePart[] {
  const parts = Object.keys(readers) as NodePart[];
  return parts.filter((part) => !jsonEqual(readers[part](old), readers[part](node)));
}

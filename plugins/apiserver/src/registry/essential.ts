/** Writes without which the cluster locks itself out: no plugin from outside is asked about them. */

/** Where nodes and leaders say that they are alive. */
const leaseNamespaces: ReadonlySet<string | undefined> = new Set(['kube-node-lease', 'kube-system']);
/** Who somebody is, and what they may: node servers and aggregated APIs let nobody in without an answer. */
const reviewGroups: ReadonlySet<string> = new Set(['authentication.k8s.io', 'authorization.k8s.io']);

interface Written {
  readonly group: string;
  readonly resource: string;
  readonly namespace: string | undefined;
}

export function isEssential({ group, resource, namespace }: Written): boolean {
  if (group === 'coordination.k8s.io') return resource === 'leases' && leaseNamespaces.has(namespace);
  return reviewGroups.has(group);
}

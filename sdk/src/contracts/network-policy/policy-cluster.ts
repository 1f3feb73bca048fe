/** What policies are about, without anything that does not count for them. */
import type { Labels, NetworkPolicy, Pod } from '../../kube/index.ts';

export interface PolicyPod {
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** Of both families. */
  readonly addresses: readonly string[];
  readonly nodeName: string | undefined;
  /** `TCP http` -> 8080. */
  readonly namedPorts: ReadonlyMap<string, number>;
}

/** Everything by name; pods by `namespace/name`, namespaces with their labels. */
export interface PolicyCluster {
  readonly namespaces: ReadonlyMap<string, Labels>;
  readonly pods: readonly PolicyPod[];
  readonly policies: readonly NetworkPolicy[];
}

/**
 * Undefined: policies do not count for it, for it has the node's network, no address, or is over. `addresses`: those that it has, where its
 * status does not say so yet.
 */
export function policyPod(pod: Pod, addresses?: readonly string[]): PolicyPod | undefined {
  const { metadata, spec, status } = pod;
  if (spec.hostNetwork === true || status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined;
  const shown = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP === undefined ? [] : [status.podIP]);
  const all = (addresses ?? shown).filter((address) => address !== '');
  if (all.length === 0) return undefined;
  const { namespace = '', name = '', uid = '', labels = {} } = metadata;
  const namedPorts = new Map<string, number>();
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    for (const port of container.ports ?? []) {
      if (port.name) namedPorts.set(`${port.protocol ?? 'TCP'} ${port.name}`, port.containerPort);
    }
  }
  return { key: `${namespace}/${name}`, uid, namespace, labels, addresses: all, nodeName: spec.nodeName, namedPorts };
}

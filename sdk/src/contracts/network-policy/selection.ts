/** Which pods a policy is for, and which its peers are. Source: the NetworkPolicy API of Kubernetes, networking.k8s.io/v1. */
import {
  fromLabelSelector,
  matchesSelector,
  type LabelSelector,
  type NetworkPolicy,
  type NetworkPolicyPeer,
} from '../../kube/index.ts';
import type { PolicyCluster, PolicyPod } from './policy-cluster.ts';

export type Direction = 'ingress' | 'egress';

export function directionsOf({ spec }: NetworkPolicy): readonly Direction[] {
  const types = spec.policyTypes ?? [];
  if (types.length === 0) return (spec.egress ?? []).length > 0 ? ['ingress', 'egress'] : ['ingress'];
  const named = { ingress: 'Ingress', egress: 'Egress' } as const;
  return (['ingress', 'egress'] as const).filter((direction) => types.includes(named[direction]));
}

/** A selector that cannot be read selects nothing. The API refuses such. */
function selects(selector: LabelSelector, labels: PolicyPod['labels']): boolean {
  try {
    return matchesSelector(fromLabelSelector(selector), labels);
  } catch {
    return false;
  }
}

export function isFor(policy: NetworkPolicy, pod: PolicyPod): boolean {
  return policy.metadata.namespace === pod.namespace && selects(policy.spec.podSelector ?? {}, pod.labels);
}

/** Pods of a peer that is no range of addresses. `namespace`: the policy's own. */
export function peerPods(peer: NetworkPolicyPeer, namespace: string, cluster: PolicyCluster): readonly PolicyPod[] {
  const { podSelector, namespaceSelector } = peer;
  if (podSelector === undefined && namespaceSelector === undefined) return [];
  const namespaces =
    namespaceSelector === undefined
      ? new Set([namespace])
      : new Set(
          [...cluster.namespaces].filter(([, labels]) => selects(namespaceSelector, labels)).map(([name]) => name),
        );
  return cluster.pods.filter(
    (pod) => namespaces.has(pod.namespace) && (podSelector === undefined || selects(podSelector, pod.labels)),
  );
}

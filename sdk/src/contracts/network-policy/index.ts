/** Which traffic of this node's pods is allowed: NetworkPolicies, enforced where the pods are. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { Pod } from '../../kube/index.ts';

export * from './policy-cluster.ts';
export * from './selection.ts';
export * from './verdict.ts';

export interface NetworkPolicyStatus {
  readonly implementation: string;
  /** Pods of this node that a policy selects. */
  readonly isolatedPods: number;
  readonly policies: number;
  /** ms since the epoch of the last successful change; 0: none yet. */
  readonly lastSyncAt: number;
  readonly lastError: string | undefined;
  /** Of `networkpolicies`, `namespaces` and `pods`: the resourceVersion up to which they are in force. Absent: not known. */
  readonly versions?: Readonly<Record<string, string>>;
}

export interface NetworkPolicyEnforcer {
  /**
   * The pod has got these addresses and none of its containers runs yet: resolves when the policies for it are in force. Idempotent.
   * @throws Error when they cannot be put in force, or are not known: the pod must not be started then
   */
  admit(pod: Pod, addresses: readonly string[]): Promise<void>;
  status(): Promise<NetworkPolicyStatus>;
}

/** Token of what enforces policies on this node. */
export const networkPolicyEnforcer: ServiceToken<NetworkPolicyEnforcer, 'one'> = defineService<NetworkPolicyEnforcer>(
  'network-policy',
  { major: 1, cardinality: 'one' },
);

/** What a node has in force of services and policies. */
import type { NetworkPolicyStatus } from '../network-policy/index.ts';
import type { ProxyStatus } from '../proxy/index.ts';

/** Absent parts: the node has nobody who does that. */
export interface NodeNetworkState {
  readonly proxy?: ProxyStatus;
  readonly policies?: NetworkPolicyStatus;
}

/** Path of it on a node's server. */
export const networkStatePath = '/networkz';

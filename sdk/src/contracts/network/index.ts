/** The pod network, in the spirit of the CNI specification 1.1: attach, detach, check. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { Bandwidth, HostPort, NetworkWarning } from './pod-request.ts';

export * from './ip-range.ts';
export * from './ipv4.ts';
export * from './pod-request.ts';

/**
 * The routing protocol number (rtm_protocol of rtnetlink(7)) of routes to pods of other nodes: who makes such routes marks them
 * with it, changes no others, and plugins that check this machine's routes know them by it.
 */
export const podRouteProtocol = 84;

export interface AttachRequest {
  readonly sandboxId: string;
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  /** Path of the pod's network namespace; undefined where the runtime has none (plain processes). */
  readonly networkNamespace: string | undefined;
  readonly hostPorts?: readonly HostPort[];
  readonly bandwidth?: Bandwidth;
}

export interface Attachment {
  readonly sandboxId: string;
  /** IPv4 first. Without prefix length. At least one. */
  readonly addresses: readonly string[];
  readonly interfaceName: string;
  readonly gateway: string | undefined;
  /** Only of the call that made it. */
  readonly warnings?: readonly NetworkWarning[];
}

export interface NodeNetwork {
  /** The node's pod address range, `10.244.0.0/24`; of IPv6, where pods have no others. */
  readonly podCidr: string;
  /** That of IPv6, where pods have addresses of both families. */
  readonly podCidr6?: string;
  /** The address under which pods reach this node. */
  readonly nodeAddress: string;
  readonly nodeAddress6?: string;
}

export interface PodNetwork {
  /** What this node's network is; valid once the plugin runs. */
  nodeNetwork(): Promise<NodeNetwork>;
  /** Idempotent for one sandbox id: a second call gives the same addresses. @throws NetworkError */
  attach(request: AttachRequest): Promise<Attachment>;
  /** Frees addresses and links. Unknown: no error. Works when the namespace is gone. */
  detach(sandboxId: string): Promise<void>;
  list(): Promise<readonly Attachment[]>;
  /**
   * Tells the largest packet that fits through the ways to all other nodes. Pods keep to it from then on, those that run as those to come; a
   * larger one later changes nothing. Absent: this network gives its pods no such limit.
   */
  limitMtu?(bytes: number): Promise<void>;
  /** Drops attachments of sandboxes that no longer exist, after a restart. Returns how many. */
  retain(sandboxIds: readonly string[]): Promise<number>;
}

/** Token of the pod network of this node. */
export const podNetwork: ServiceToken<PodNetwork, 'one'> = defineService<PodNetwork>('network', {
  major: 1,
  cardinality: 'one',
});

export class NetworkError extends Error {
  override readonly name: string = 'NetworkError';
  readonly code: 'ADDRESSES_EXHAUSTED' | 'COMMAND_FAILED' | 'NO_NAMESPACE';

  constructor(code: 'ADDRESSES_EXHAUSTED' | 'COMMAND_FAILED' | 'NO_NAMESPACE', message: string) {
    super(message);
    this.code = code;
  }
}

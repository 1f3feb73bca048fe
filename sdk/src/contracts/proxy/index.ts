/** The service proxy of a node: makes cluster IPs and node ports lead to ready endpoints. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';

export * from './own-addresses.ts';
export * from './rule-builder.ts';
export type { ProxyNode } from './service-backends.ts';

export interface Backend {
  readonly address: string;
  readonly port: number;
  readonly nodeName: string | undefined;
}

/** One port of one service with everything a data plane needs. Sorted by `id`, backends sorted too. */
export interface ServicePortRule {
  /** `namespace/name:port-name` (or the number where the port has no name). */
  readonly id: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
  /** Empty for services without one. */
  readonly clusterIPs: readonly string[];
  /** External IPs, and the addresses of its load balancer. */
  readonly externalIPs: readonly string[];
  /** Those of the external IPs that answer only to clients of these ranges (CIDR, of both families): all others get no answer. Absent: none. */
  readonly restricted?: { readonly addresses: readonly string[]; readonly sources: readonly string[] };
  readonly nodePort: number | undefined;
  /** Seconds of ClientIP affinity; undefined: none. */
  readonly affinitySeconds: number | undefined;
  /** Of its ClusterIPs: ready ones; where none is ready, serving and terminating ones. Empty: refuse connections at once. */
  readonly backends: readonly Backend[];
  /** There are none on this node, and others must not be used: connections to its ClusterIPs get no answer. */
  readonly silent?: true;
  /** Of its external addresses and its node port, where they differ from `backends`. */
  readonly externalBackends?: readonly Backend[];
  /**
   * Of these, for clients outside of the cluster, which must not be sent to other nodes and keep their address. Empty: they get no
   * answer. Absent: as for clients inside.
   */
  readonly outsideBackends?: readonly Backend[];
  /**
   * Its ClusterIPs are for clients of the cluster only, where a data plane hides who asks: that of the API, which may be served to nobody
   * else on this machine.
   */
  readonly insideOnly?: true;
  /** Where load balancers ask how many endpoints this node has. */
  readonly healthCheck?: { readonly port: number; readonly localEndpoints: number };
}

export interface ProxyStatus {
  readonly implementation: string;
  readonly rules: number;
  readonly backends: number;
  /** ms since the epoch of the last successful sync; 0: none yet. */
  readonly lastSyncAt: number;
  readonly lastError: string | undefined;
  /** Of `services` and `endpointslices`: the resourceVersion up to which they are in force. Absent: not known. */
  readonly versions?: Readonly<Record<string, string>>;
}

export interface ServiceProxy {
  status(): Promise<ProxyStatus>;
  /** Writes everything anew. */
  resync(): Promise<void>;
}

/** Token of the node's service proxy. Old and new may overlap for a moment during a swap: both serve the same rules. */
export const serviceProxy: ServiceToken<ServiceProxy, 'one'> = defineService<ServiceProxy>('proxy', {
  major: 1,
  cardinality: 'one',
});

/** Names of the cluster's services for the pods of a node, by the Kubernetes DNS specification 1.1. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';

/** What pods with `dnsPolicy: ClusterFirst` get into their resolv.conf. */
export interface DnsResolver {
  /** Addresses that pods reach on port 53. At least one. */
  readonly nameservers: readonly string[];
  /** The cluster's domain, without a dot at the end: `cluster.local`. */
  readonly domain: string;
}

export interface DnsStatus {
  readonly implementation: string;
  /** `address:port` of each socket that answers. */
  readonly listening: readonly string[];
  /** Services whose names are known. */
  readonly services: number;
  /** False: the cluster's names are not known yet, and queries for them fail (SERVFAIL). */
  readonly ready: boolean;
  /** Servers that are asked for all other names. */
  readonly upstreams: readonly string[];
  readonly lastError: string | undefined;
}

export interface ClusterDns {
  /** Undefined while it does not answer on its port: pods that start then get the node's own resolvers. */
  resolver(): DnsResolver | undefined;
  status(): DnsStatus;
}

/** Token of what answers DNS queries of this node's pods. */
export const clusterDns: ServiceToken<ClusterDns, 'one'> = defineService<ClusterDns>('dns', {
  major: 1,
  cardinality: 'one',
  sync: ['resolver', 'status'],
});

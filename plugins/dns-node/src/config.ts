import { isIP } from 'node:net';
import { z } from 'zod';

const address = z.string().refine((text) => isIP(text) !== 0, 'is not an IP address');
/** `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:5353`. */
const upstream = z
  .string()
  .refine((text) => parseUpstream(text) !== undefined, 'is not an IP address, with or without a port');
const cidr = z.string().refine((text) => {
  const [base = '', length = ''] = text.split('/');
  const family = isIP(base);
  return family !== 0 && /^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128);
}, 'is not a range of addresses like 10.244.0.0/16');

export const configSchema: z.ZodType<DnsNodeConfig> = z.strictObject({
  clusterDomain: z
    .string()
    .toLowerCase()
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, 'is not a domain')
    .default('cluster.local'),
  address: address.optional(),
  port: z.number().int().min(0).max(65_535).default(53),
  clientCidrs: z.array(cidr).default([]),
  upstreams: z.array(upstream).max(10).default([]),
  ttlSeconds: z.number().int().min(0).max(3600).default(5),
  cacheSeconds: z.number().int().min(0).max(86_400).default(30),
  negativeCacheSeconds: z.number().int().min(0).max(86_400).default(10),
  concurrentForwards: z.number().int().min(1).max(100_000).default(1000),
});

export interface DnsNodeConfig {
  /** The cluster's domain. The same as node-agent's. */
  readonly clusterDomain: string;
  /** Where it listens. Absent: the address under which pods reach this node. */
  readonly address?: string | undefined;
  /** Pods ask port 53; another one is for tests. 0: a free one. */
  readonly port: number;
  /** Whose queries are answered, beside this machine's own and those of its pods. */
  readonly clientCidrs: readonly string[];
  /** Servers for names outside of the cluster. Empty: those of the node's /etc/resolv.conf. */
  readonly upstreams: readonly string[];
  /** Of the cluster's names, in seconds. */
  readonly ttlSeconds: number;
  /** The longest that answers of other servers are kept, in seconds. 0: not at all. */
  readonly cacheSeconds: number;
  /** The same for answers that say that there is nothing. */
  readonly negativeCacheSeconds: number;
  /** Queries that wait for other servers at the same time; more fail at once. */
  readonly concurrentForwards: number;
}

const dnsPort = 53;

export function parseUpstream(text: string): { readonly address: string; readonly port: number } | undefined {
  if (isIP(text) !== 0) return { address: text, port: dnsPort };
  const [, v6, v4, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const [found, port] = [v6 ?? v4 ?? '', Number(digits)];
  return isIP(found) !== 0 && port > 0 && port < 65_536 ? { address: found, port } : undefined;
}

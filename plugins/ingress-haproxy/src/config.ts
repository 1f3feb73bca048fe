import { isIP } from 'node:net';
import { z } from 'zod';

const port = z.number().int().min(0).max(65_535);
const address = z.string().refine((text) => isIP(text) !== 0, 'must be an IP address');

/** `namespace/name`. */
const objectName = z.string().regex(/^[a-z0-9.-]+\/[a-z0-9.-]+$/, 'must be namespace/name');

export interface IngressConfig {
  /** The node on which it runs, as the API knows it: its address is told to users of Ingresses. */
  readonly nodeName: string;
  /** Port of requests without TLS. 0: none. */
  readonly httpPort: number;
  /** Port of requests with TLS. 0: none. */
  readonly httpsPort: number;
  /** Addresses of this machine at which it listens. Empty: all. */
  readonly listenAddresses: readonly string[];
  /** What `status.loadBalancer` of Ingresses says: addresses or names that lead here. Empty: `publishService`, or else the addresses of the nodes. */
  readonly publishAddresses: readonly string[];
  /** A Service of type LoadBalancer in front, whose addresses are told. */
  readonly publishService?: string | undefined;
  /** The IngressClass that is made where none is served. Empty: none is made. */
  readonly className: string;
  /** Whether that class is the one of Ingresses that name none. */
  readonly defaultClass: boolean;
  /** Serve the Gateway API too: its kinds are made where they are not there. */
  readonly gatewayApi: boolean;
  /** Further ports at which listeners of Gateways may be, beside `httpPort` and `httpsPort`. */
  readonly gatewayPorts: readonly number[];
  /** A Secret with the certificate for server names that no other has. */
  readonly defaultCertificate?: string | undefined;
  /** Ranges of load balancers in front, whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  /** Clients begin with a header of the PROXY protocol, as load balancers in front can send it. */
  readonly proxyProtocol: boolean;
  /** Connections of clients at once. More wait. */
  readonly maxConnections: number;
  /** Threads of haproxy. Absent: one for each CPU. */
  readonly threads?: number | undefined;
  /** Until a pod begins its answer, and between its parts. */
  readonly timeoutSeconds: number;
  /** WebSockets and other connections without requests, when nothing is said. */
  readonly tunnelTimeoutSeconds: number;
  /** Connections that began under an earlier configuration end after this. */
  readonly drainSeconds: number;
  /** Between two new configurations. */
  readonly reloadPauseMs: number;
  /** The program haproxy: its path, or a name that is looked for. */
  readonly program: string;
  /** `remove`: it ends with this process. `keep`: it goes on to serve, and is taken over by the next one. */
  readonly onShutdown: 'remove' | 'keep';
}

export const configSchema: z.ZodType<IngressConfig> = z.strictObject({
  nodeName: z.string().default(''),
  httpPort: port.default(80),
  httpsPort: port.default(443),
  listenAddresses: z.array(address).max(64).default([]),
  publishAddresses: z.array(z.string().min(1).max(253)).max(64).default([]),
  publishService: objectName.optional(),
  className: z.string().max(63).default('timonel'),
  defaultClass: z.boolean().default(true),
  gatewayApi: z.boolean().default(false),
  gatewayPorts: z.array(port.min(1)).max(64).default([]),
  defaultCertificate: objectName.optional(),
  trustedProxies: z
    .array(z.union([z.cidrv4(), z.cidrv6()]))
    .max(256)
    .default([]),
  proxyProtocol: z.boolean().default(false),
  maxConnections: z.number().int().min(10).max(1_000_000).default(20_000),
  threads: z.number().int().min(1).max(64).optional(),
  timeoutSeconds: z.number().int().min(1).max(86_400).default(60),
  tunnelTimeoutSeconds: z.number().int().min(1).max(86_400).default(3_600),
  drainSeconds: z.number().int().min(1).max(86_400).default(3_600),
  reloadPauseMs: z.number().int().min(0).max(60_000).default(500),
  program: z.string().min(1).default('haproxy'),
  onShutdown: z.enum(['remove', 'keep']).default('remove'),
});

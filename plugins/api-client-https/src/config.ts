import { z } from 'zod';

export interface ApiClientConfig {
  readonly servers: readonly string[];
  readonly caFile: string;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly endpointsFile?: string | undefined;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  readonly watchIdleTimeoutMs: number;
  readonly refreshIntervalMs: number;
  readonly credentialsIntervalMs: number;
  readonly connectionsPerServer: number;
  readonly watches: number;
  readonly responseLimitBytes: number;
}

const mib = 1024 * 1024;
const milliseconds = (otherwise: number): z.ZodDefault<z.ZodNumber> => z.number().int().min(10).default(otherwise);

function isServerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname, search, hash, username, hostname } = new URL(text);
  return protocol === 'https:' && hostname !== '' && pathname === '/' && `${search}${hash}${username}` === '';
}

export const configSchema: z.ZodType<ApiClientConfig> = z
  .strictObject({
    /** Where to begin: `https://HOST:PORT`. More servers are learned from the cluster and remembered. */
    servers: z
      .array(z.string().refine(isServerUrl, 'must be https://HOST:PORT'))
      .min(1, 'needs at least one server, for example https://10.0.0.1:6443')
      .max(16),
    /** PEM of the authority of the servers' certificates. Files are read again when they change. */
    caFile: z.string().min(1),
    /** PEM of the client certificate and its key. */
    certFile: z.string().min(1).optional(),
    keyFile: z.string().min(1).optional(),
    /** Holds a bearer token; in place of a client certificate or beside it. */
    tokenFile: z.string().min(1).optional(),
    /** Where learned servers are remembered. Default: in the plugin's data directory. */
    endpointsFile: z.string().min(1).optional(),
    /** For one try of a request, answer and all. */
    requestTimeoutMs: milliseconds(10_000),
    /** For TCP and TLS: what a server that does not answer at all may cost. */
    connectTimeoutMs: milliseconds(2000),
    /** How often the servers in use are asked whether they are well, so that one that vanished is found. */
    probeIntervalMs: milliseconds(2000),
    probeTimeoutMs: milliseconds(2000),
    /** A watch with bookmarks that says nothing for so long is taken up again. Servers send one a minute. */
    watchIdleTimeoutMs: milliseconds(180_000),
    /** How often the list of servers is read from the cluster. */
    refreshIntervalMs: milliseconds(60_000),
    /** How often the files are looked at. */
    credentialsIntervalMs: milliseconds(10_000),
    /** Requests at a time to one server; more wait. Watches have connections of their own. */
    connectionsPerServer: z.number().int().min(1).max(256).default(16),
    /** Watches at a time; one more is refused with TooManyRequests. */
    watches: z.number().int().min(1).max(10_000).default(500),
    responseLimitBytes: z
      .number()
      .int()
      .min(1024)
      .default(256 * mib),
  })
  .superRefine((config, context) => {
    if ((config.certFile === undefined) !== (config.keyFile === undefined))
      context.addIssue({
        code: 'custom',
        path: ['keyFile'],
        message: 'certFile and keyFile belong together: set both',
      });
    if (config.certFile === undefined && config.tokenFile === undefined)
      context.addIssue({ code: 'custom', path: ['certFile'], message: 'set certFile and keyFile, or tokenFile' });
  });

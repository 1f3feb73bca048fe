import { defaultCompactionPolicy, type CompactionPolicy } from '@timonel/sdk/contracts/store';
import { z } from 'zod';

export interface EtcdStoreConfig {
  readonly endpoints: readonly string[];
  readonly tls: {
    readonly caFile?: string | undefined;
    readonly certFile?: string | undefined;
    readonly keyFile?: string | undefined;
  };
  readonly keyPrefix: string;
  readonly requestTimeoutMs: number;
  readonly dialTimeoutMs: number;
  readonly pingMs: number;
  readonly compaction: CompactionPolicy | false;
}

/** What may be written in the configuration file: only the endpoints have no default. */
export interface EtcdStoreConfigInput {
  readonly endpoints: readonly string[];
  readonly tls?: EtcdStoreConfig['tls'] | undefined;
  readonly keyPrefix?: string | undefined;
  readonly requestTimeoutMs?: number | undefined;
  readonly dialTimeoutMs?: number | undefined;
  readonly pingMs?: number | undefined;
  readonly compaction?:
    | { readonly [K in keyof CompactionPolicy]?: CompactionPolicy[K] | undefined }
    | false
    | undefined;
}

const count = z.int().positive();
const file = z.string().min(1).optional();
const isOrigin = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '' && url.username === '';
};
const endpoint = z
  .string()
  .refine(isOrigin, { error: 'not the URL of an etcd member, for example https://10.0.0.1:2379' });

/** Configuration of the plugin. */
export const configSchema: z.ZodType<EtcdStoreConfig, EtcdStoreConfigInput> = z
  .strictObject({
    /** Client URLs of the etcd members, all http or all https. One is used at a time, in this order. */
    endpoints: z.array(endpoint).min(1),
    /** PEM files for https: of the authority that signed the members' certificates, and of our own certificate. */
    tls: z.strictObject({ caFile: file, certFile: file, keyFile: file }).prefault({}),
    /** What every key in etcd begins with. */
    keyPrefix: z.string().max(256).default('timonel/'),
    /** How long a request may take, with all its tries on other members. */
    requestTimeoutMs: count.default(10_000),
    /** How long a member may take to accept a connection, and to answer a ping. */
    dialTimeoutMs: count.default(3_000),
    /** How often an idle connection is tried. etcd refuses less than 5 s (`--grpc-keepalive-min-time`). */
    pingMs: count.min(5_000).default(10_000),
    /**
     * How much history is kept: `CompactionPolicy` of the sdk. It goes for the whole etcd. `false`: etcd does it itself
     * (`--auto-compaction-retention`).
     */
    compaction: z
      .union([
        z.literal(false),
        z.strictObject({
          retainRevisions: count.default(defaultCompactionPolicy.retainRevisions),
          retainMs: count.default(defaultCompactionPolicy.retainMs),
          maxRevisions: count.default(defaultCompactionPolicy.maxRevisions),
          checkMs: count.default(defaultCompactionPolicy.checkMs),
        }),
      ])
      .prefault({}),
  })
  .refine(({ tls }) => (tls.certFile === undefined) === (tls.keyFile === undefined), {
    path: ['tls'],
    error: 'a certificate and its key belong together: give certFile and keyFile, or neither',
  })
  .refine(({ endpoints, tls }) => Object.keys(tls).length === 0 || endpoints.every((url) => url.startsWith('https:')), {
    path: ['endpoints'],
    error: 'with tls files every endpoint must begin with https://',
  });

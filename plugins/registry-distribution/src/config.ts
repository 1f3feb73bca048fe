import { z } from 'zod';

export interface MirrorConfig {
  readonly registry: string;
  readonly endpoints: readonly string[];
}

export interface RegistryHostConfig {
  readonly registry: string;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface RegistryConfig {
  readonly mirrors: readonly MirrorConfig[];
  readonly registries: readonly RegistryHostConfig[];
  readonly insecurePlainHttp: readonly string[];
  readonly credentialFiles: readonly string[];
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly minBytesPerSecond: number;
  readonly tries: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  readonly retryAfterMaxMs: number;
  readonly connectionsPerHost: number;
  readonly uploadChunkBytes: number;
  readonly helperTimeoutMs: number;
  readonly mirrorPauseMs: number;
  readonly tunnelSocket: string;
  readonly httpsProxy: string;
  readonly httpProxy: string;
  readonly noProxy: string;
}

/** `host[:port]`, as image names write it. */
export const hostPattern: RegExp = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;

const host = z.string().max(255).regex(hostPattern, 'must be a host with or without a port, such as 10.0.0.5:5000');
const milliseconds = (otherwise: number): z.ZodDefault<z.ZodInt> => z.int().min(1).max(3_600_000).default(otherwise);

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash, hostname } = new URL(text);
  return /^https?:$/.test(protocol) && hostname !== '' && `${username}${password}${search}${hash}` === '';
}

const endpoint = z
  .string()
  .max(1024)
  .refine(isEndpoint, 'must be https://HOST[:PORT][/PATH], or http:// for plain HTTP');

export const configSchema: z.ZodType<RegistryConfig> = z.strictObject({
  /** Where images of a registry are looked for first, in this order; then at the registry itself. `*`: of every registry. */
  mirrors: z
    .array(
      z.strictObject({
        /** As names of images begin: `docker.io`, `10.0.0.5:5000`. */
        registry: host.or(z.literal('*')),
        /** With a path, images lie below it: `https://mirror.example/hub` has `hub/library/nginx`. */
        endpoints: z.array(endpoint).min(1).max(8),
      }),
    )
    .max(64)
    .default([]),
  /** What is special about a registry. */
  registries: z
    .array(
      z
        .strictObject({
          registry: host,
          /** PEM of authorities that its certificate may be signed by, beside the usual ones. Read again when it changes. */
          caFile: z.string().min(1).optional(),
          /** PEM of the certificate that this node shows to it, with those it is signed by. Read again when it changes. */
          certFile: z.string().min(1).optional(),
          /** PEM of the certificate's key. */
          keyFile: z.string().min(1).optional(),
        })
        .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
          message: 'certFile and keyFile are needed both',
        }),
    )
    .max(64)
    .default([]),
  /** Registries that are spoken to by plain HTTP, credentials included. Loopback ones need no entry. */
  insecurePlainHttp: z.array(host).max(64).default([]),
  /** Files as docker's `config.json`: `auths`, `credHelpers` and `credsStore`. Tried after the pull secrets of a pod. */
  credentialFiles: z.array(z.string().min(1)).max(16).default([]),
  /** For TCP and TLS. */
  connectTimeoutMs: milliseconds(10_000),
  /** From a request to the head of its answer, and for the whole of a small answer (a manifest, a token). */
  requestTimeoutMs: milliseconds(30_000),
  /** A transfer that brings nothing for so long is begun again where it was. */
  stallTimeoutMs: milliseconds(30_000),
  /** A transfer that is slower than this over `stallTimeoutMs` counts as one that brings nothing. */
  minBytesPerSecond: z.int().min(0).default(1024),
  /** Of one request, or of a transfer that gets no further. */
  tries: z.int().min(1).max(20).default(5),
  /** Before the second try; doubled for each further one. */
  backoffMs: milliseconds(250),
  /** The longest pause between two tries. */
  backoffMaxMs: milliseconds(10_000),
  /** A registry that asks to wait longer than this (Retry-After) is not waited for. */
  retryAfterMaxMs: milliseconds(30_000),
  /** More requests at a time to one host wait. */
  connectionsPerHost: z.int().min(1).max(256).default(16),
  /** Sends layers in pieces of so many bytes, for registries behind a proxy that limits requests. 0: each as a whole. */
  uploadChunkBytes: z
    .int()
    .min(0)
    .max(1024 ** 3)
    .default(0),
  /** For one run of a credential helper. */
  helperTimeoutMs: milliseconds(10_000),
  /** A mirror that could not be reached is passed by for so long. */
  mirrorPauseMs: milliseconds(30_000),
  /**
   * A unix socket through which all connections are made, by HTTP's CONNECT: for a node in a network namespace without a way out.
   * Empty: connections are the node's own.
   */
  tunnelSocket: z.string().max(107).default(''),
  /** `http://[USER:PASSWORD@]HOST[:PORT]`, for registries by HTTPS. Empty: HTTPS_PROXY of the environment. `none`: no proxy. */
  httpsProxy: z.string().max(1024).default(''),
  /** The same for registries by plain HTTP. Empty: HTTP_PROXY of the environment. */
  httpProxy: z.string().max(1024).default(''),
  /** Hosts, domains, addresses and networks that no proxy is asked for, with commas between. Empty: NO_PROXY of the environment. This node never needs an entry. */
  noProxy: z.string().max(8192).default(''),
});

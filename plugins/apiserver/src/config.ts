/** Configuration of the API server. */
import { certificateLifetimeMs } from '@timonel/sdk/pki';
import { z } from 'zod';

export interface ApiServerConfig {
  readonly listen: { readonly address: string; readonly port: number };
  readonly extraSans: readonly string[];
  readonly insideAddresses: readonly string[];
  readonly access: 'open' | 'decided';
  readonly pki: {
    readonly directory?: string | undefined;
    readonly lifetimeMs: number;
    readonly checkPeriodMs: number;
  };
  readonly limits: {
    readonly bodyBytes: number;
    readonly connections: number;
    readonly streams: number;
    readonly watches: number;
    readonly watchQueue: number;
    readonly watchQueueBytes: number;
    readonly eventHistory: number;
    readonly eventHistoryBytes: number;
  };
  readonly timing: {
    readonly bookmarkPeriodMs: number;
    readonly freshnessTimeoutMs: number;
    readonly compactionPeriodMs: number;
    readonly watchTimeoutMs: number;
    readonly eventTtlMs: number;
    readonly streamIdleTimeoutMs: number;
  };
}

const mib = 1024 * 1024;

export const apiServerConfig: z.ZodType<ApiServerConfig> = z.strictObject({
  listen: z
    .strictObject({
      address: z.string().min(1).default('127.0.0.1'),
      /** 0: any free port. */
      port: z.number().int().min(0).max(65535).default(6443),
    })
    .prefault({}),
  /** DNS names and IP addresses for the serving certificate, beside the listen address, localhost and the service's names. */
  extraSans: z.array(z.string().min(1)).default([]),
  /** The same, of IP addresses at which pods reach it: that of the service `kubernetes`, and that of the node in the pod network. */
  insideAddresses: z.array(z.ipv4().or(z.ipv6())).default([]),
  /**
   * What holds when no plugin decides whether somebody may do something: `open`, everybody who is authenticated may do everything;
   * `decided`, only those of the group system:masters may do anything.
   */
  access: z.enum(['open', 'decided']).default('open'),
  pki: z
    .strictObject({
      /** Where ca.crt, ca.key, apiserver.crt and apiserver.key lie. Default: `pki` in the plugin's own directory. */
      directory: z.string().min(1).optional(),
      /** Life of a serving certificate; it is renewed when less than a third is left. */
      lifetimeMs: z.number().int().positive().default(certificateLifetimeMs),
      /** How often the serving certificate is looked at while the server runs. */
      checkPeriodMs: z.number().int().positive().default(3_600_000),
    })
    .prefault({}),
  limits: z
    .strictObject({
      bodyBytes: z
        .number()
        .int()
        .positive()
        .default(3 * mib),
      connections: z.number().int().positive().default(5000),
      /** Sessions in pods, forwarded ports and requests through proxies at a time; more are refused with TooManyRequests. */
      streams: z.number().int().positive().default(1000),
      /** Open watches, of HTTP and in-process clients together. */
      watches: z.number().int().positive().default(10_000),
      /** Events that may wait for one watcher before its watch is ended. */
      watchQueue: z.number().int().positive().default(10_000),
      /** The same in bytes of stored objects. Watchers of one resource share them. */
      watchQueueBytes: z
        .number()
        .int()
        .positive()
        .default(32 * mib),
      /** Events of each resource kept for watches that resume. */
      eventHistory: z.number().int().positive().default(4096),
      /** The same in bytes of stored objects. */
      eventHistoryBytes: z
        .number()
        .int()
        .positive()
        .default(16 * mib),
    })
    .prefault({}),
  timing: z
    .strictObject({
      bookmarkPeriodMs: z.number().int().positive().default(60_000),
      freshnessTimeoutMs: z.number().int().positive().default(3000),
      /** How long old revisions stay readable in the store; 0: never compacted by this server. */
      compactionPeriodMs: z.number().int().min(0).default(300_000),
      /** Longest life of a watch without timeoutSeconds; each gets a random time between half and all of it. */
      watchTimeoutMs: z.number().int().positive().default(3_600_000),
      /** How long an event stays after it was written last; 0: for ever. */
      eventTtlMs: z.number().int().min(0).default(3_600_000),
      /** A session or a forwarded port in which nothing was sent for so long is ended. */
      streamIdleTimeoutMs: z.number().int().positive().default(14_400_000),
    })
    .prefault({}),
});

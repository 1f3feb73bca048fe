import { join } from 'node:path';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { z } from 'zod';
import { CertificateKeeper } from './certificate-keeper.ts';

const configSchema = z.strictObject({
  /** Where to begin: `https://HOST:PORT`. More servers are learned and remembered. */
  servers: z
    .array(z.string().regex(/^https:\/\/[^/]+$/, 'must be https://HOST:PORT'))
    .min(1)
    .max(16),
  /** Holds ca.crt, node.crt and node.key. */
  pkiDirectory: z.string().min(1),
  /** IP addresses of this node for the next certificate. */
  addresses: z.array(z.string()).max(16).default([]),
  /** How often the certificate is looked at. */
  checkPeriodMs: z.number().int().positive().default(3_600_000),
  /** When to try again after a failure. */
  retryMs: z.number().int().positive().default(60_000),
  requestTimeoutMs: z.number().int().positive().default(10_000),
});

/** Keeps the certificate of a node fresh: asks whichever API server answers for the next one, by the one it has. */
const plugin: AnyPlugin = definePlugin({
  name: 'node-certificate',
  version: '0.1.0',
  apiVersion: 1,
  description: "Renews this node's certificate when less than a third of its life is left.",
  config: configSchema,
  setup(ctx) {
    const { config, env, log, signal } = ctx;
    const keeper = new CertificateKeeper({ ...config, env, log, signal, file: join(ctx.dataDir, 'servers.json') });
    return {
      start: () => keeper.start(),
      stop: () => keeper.stop(),
    };
  },
});

export default plugin;

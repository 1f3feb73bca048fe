import { join } from 'node:path';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { EventRecorder } from '@timonel/sdk/controller';
import { nodes, timestampOf } from '@timonel/sdk/kube';
import { certificateMetrics, identityNames, readIdentity, readCertificate } from '@timonel/sdk/pki';
import { z } from 'zod';
import { CertificateKeeper, type RenewalProblem } from './certificate-keeper.ts';

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
  description:
    "Renews this node's certificate when less than a third of its life is left or the authority is replaced, and learns new authorities.",
  optional: { api: apiClient },
  config: configSchema,
  setup(ctx) {
    const { config, deps, env, log, signal } = ctx;
    let recorder: EventRecorder | undefined;
    const tell = (problem: RenewalProblem | undefined): void => {
      const api = deps.api.current;
      if (problem === undefined || !problem.isDue || api === undefined) return;
      const { nodeName: name, message, notAfter } = problem;
      recorder ??= new EventRecorder(ctx, api, { component: 'node-certificate', host: name });
      const text = `the certificate of this node ends at ${timestampOf(notAfter)} and could not be renewed: ${message}`;
      // As kubelets do: their events name the node twice.
      recorder.record(nodes, { metadata: { name, uid: name }, spec: {} }, 'Warning', 'CertificateRenewalFailed', text);
    };
    const keeper = new CertificateKeeper({
      ...config,
      env,
      log,
      signal,
      file: join(ctx.dataDir, 'servers.json'),
      onOutcome(problem) {
        tell(problem);
        void measure();
      },
    });
    const instruments = ctx.metrics(certificateMetrics);
    const measure = async (): Promise<void> => {
      const identity = await readIdentity(config.pkiDirectory, identityNames.node).catch(() => undefined);
      if (identity === undefined) return;
      const { notAfter } = readCertificate(identity.certificatePem);
      instruments.expiry.of(identityNames.node).set(notAfter / 1000);
    };
    return {
      start: () => keeper.start(),
      async stop() {
        await keeper.stop();
        await recorder?.flush();
      },
    };
  },
});

export default plugin;

import { definePlugin, errorMessage, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { store } from '@timonel/sdk/contracts/store';
import { nodeKeyAnnotation } from '@timonel/sdk/join';
import { nodes } from '@timonel/sdk/kube';
import { certificateMetrics, readAuthority, readCertificate } from '@timonel/sdk/pki';
import { configSchema } from './config.ts';
import { joinedNodes } from './decide.ts';
import { Keeper } from './keeper.ts';
import type { ServerRecord } from './records.ts';
import { certificateRoutes } from './routes.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'controller-authority',
  version: '0.1.0',
  apiVersion: 1,
  description:
    "Replaces the cluster's certificate authority before it ends, step by step, and says how far it is and which certificates end when.",
  provides: { routes: routeProvider },
  requires: { store, api: apiClient },
  optional: { leadership },
  config: configSchema,
  setup(ctx) {
    const { config, deps, env, log } = ctx;
    const { pkiDirectory, rotateAt, automatic, periodMs } = config;
    if (pkiDirectory === undefined) return { provides: { routes: { routes: () => [] } } };
    const keeper = new Keeper({
      store: deps.store,
      env,
      log,
      config: { ...config, pkiDirectory },
      leads: () => deps.leadership.current?.leading() ?? true,
      nodes: async () => joinedNodes((await deps.api.list(nodes)).items, nodeKeyAnnotation),
    });
    const routes = Object.freeze(certificateRoutes({ keeper, rotateAt, automatic, nowMs: () => env.clock.now() }));
    const instruments = ctx.metrics(certificateMetrics);
    const measure = async ({ certificates }: ServerRecord): Promise<void> => {
      const { certificatePem } = await readAuthority(env, pkiDirectory);
      instruments.expiry.of('ca').set(readCertificate(certificatePem).notAfter / 1000);
      for (const { name, notAfter } of certificates) instruments.expiry.of(name).set(Date.parse(notAfter) / 1000);
    };
    const stopping = new AbortController();
    let working = Promise.resolve();
    let failures = 0;
    const work = async (): Promise<void> => {
      while (!stopping.signal.aborted) {
        try {
          await measure(await keeper.look());
          failures = 0;
        } catch (error) {
          failures += 1;
          // At the start the store may have no leader yet.
          const level = failures === 2 ? 'warn' : 'debug';
          log[level]({ error: errorMessage(error) }, 'the authority could not be looked after, will try again');
        }
        await env.timers.sleep(periodMs, stopping.signal).catch(() => undefined);
      }
    };
    return {
      provides: { routes: { routes: () => routes } },
      start() {
        working = work();
      },
      async stop() {
        stopping.abort();
        await working;
      },
    };
  },
});

export default plugin;

import path from 'node:path';
import { definePlugin, errorMessage, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiDelegate, apiEndpoint, servedVersions, serviceDialer } from '@timonel/sdk/contracts/api-server';
import { Aggregator } from './aggregator.ts';
import { FrontProxyKeeper } from './front-proxy.ts';
import { OwnVersions } from './own-versions.ts';
import { publish } from './publish.ts';

/** The namespace may be about to come. */
const publishAgainMs = 1000;
/** Somebody may have changed it, or an authority may be new. */
const publishPeriodMs = 3600_000;

/** The aggregation layer: requests to the groups and versions of APIServices with a service go to that service. */
const plugin: AnyPlugin = definePlugin({
  name: 'api-aggregation',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Hands requests over to the services of APIServices, and keeps their condition Available.',
  provides: { delegate: apiDelegate },
  requires: { api: apiClient, endpoint: apiEndpoint },
  optional: { dialer: serviceDialer, served: servedVersions },
  setup(ctx) {
    const { deps, env, log } = ctx;
    const { api } = deps;
    const frontProxy = new FrontProxyKeeper(env, path.join(ctx.dataDir, 'pki'));
    const aggregator = new Aggregator({
      host: ctx,
      api,
      env,
      log,
      identity: async () => (await frontProxy.get()).client,
      isServedHere: (group, version) => deps.served.current?.serves(group, version) === true,
      async dial(service) {
        if (deps.dialer.current === undefined) throw new Error('no plugin connects to services');
        return deps.dialer.current.dial(service, api);
      },
    });
    const ownVersions = new OwnVersions({
      api,
      env,
      log,
      known: aggregator.services,
      served: () => deps.served.current?.all(),
    });
    const stopping = new AbortController();
    const { signal } = stopping;
    let publishing = Promise.resolve();
    const keepPublished = async (): Promise<void> => {
      while (!signal.aborted) {
        let again = publishPeriodMs;
        try {
          const { authorityPem } = await frontProxy.get();
          await publish(api, { clients: deps.endpoint.caCertificate(), proxy: authorityPem }, env.clock.now());
        } catch (error) {
          log.debug({ error: errorMessage(error) }, 'extension-apiserver-authentication was not written');
          again = publishAgainMs;
        }
        await env.timers.sleep(again, signal).catch(() => undefined);
      }
    };
    return {
      provides: { delegate: aggregator },
      async start() {
        await aggregator.start();
        publishing = keepPublished();
        ownVersions.start(signal);
      },
      async stop() {
        stopping.abort();
        await aggregator.stop();
        await publishing;
        await ownVersions.ended();
      },
    };
  },
});

export default plugin;

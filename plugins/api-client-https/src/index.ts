import { join } from 'node:path';
import { definePlugin, errorMessage, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { Caller } from './client/caller.ts';
import { HttpsClient } from './client/https-client.ts';
import { configSchema } from './config.ts';
import { loadServers } from './servers/learned-servers.ts';
import { Prober } from './servers/prober.ts';
import { Refresher } from './servers/refresher.ts';
import { ServerSet } from './servers/server-set.ts';
import { CredentialWatch } from '@timonel/sdk/tls';

/** The API client of a process without an API server: it speaks HTTPS to one of several, and to another when that one fails. */
const plugin: AnyPlugin = definePlugin({
  name: 'api-client-https',
  version: '0.1.0',
  apiVersion: 1,
  description: 'The API over HTTPS, from whichever of the API servers answers',
  provides: { api: apiClient },
  config: configSchema,
  swap: 'drain',
  criticality: 'required',
  async setup(ctx) {
    const { config, env, log } = ctx;
    const credentials = await CredentialWatch.open(config, log);
    const file = config.endpointsFile ?? join(ctx.dataDir, 'servers.json');
    const learned = await loadServers(file, log);
    const servers = new ServerSet([...learned, ...config.servers], {
      env,
      connectTimeoutMs: config.connectTimeoutMs,
      connections: config.connectionsPerServer,
      credentials: () => credentials.current,
    });
    const { requestTimeoutMs, responseLimitBytes, watches: watchLimit, watchIdleTimeoutMs } = config;
    const caller = new Caller({ servers, env, requestTimeoutMs, responseLimitBytes });
    const api = new HttpsClient({ caller, timers: env.timers, watchLimit, watchIdleTimeoutMs });
    const prober = new Prober({
      servers,
      env,
      log,
      intervalMs: config.probeIntervalMs,
      timeoutMs: config.probeTimeoutMs,
    });
    const { refreshIntervalMs: intervalMs, servers: configured } = config;
    const refresher = new Refresher({ api, servers, env, log, file, configured, intervalMs }, learned);
    const renew = async (): Promise<void> => {
      if (!(await credentials.refresh())) return;
      servers.renew();
      log.info({}, 'the credentials changed: new connections use them');
    };
    return {
      provides: { api },
      start() {
        prober.start();
        refresher.start();
        env.timers.every(config.credentialsIntervalMs, () => {
          renew().catch((error: unknown) => log.warn({ error: errorMessage(error) }, 'credentials not looked at'));
        });
      },
      async stop() {
        servers.close();
        await Promise.all([prober.close(), refresher.close()]);
        servers.close();
      },
    };
  },
});

export default plugin;

import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { storeAdmin } from '@timonel/sdk/contracts/store';
import { keepServerEndpoints, placeOfServer } from '@timonel/sdk/controller/endpoints';
import { configSchema } from './config.ts';
import { joinRoutes } from './routes.ts';
import { CurrentAuthority } from './upkeep/current-authority.ts';
import { removeExpiredTokens } from './upkeep/expired-tokens.ts';
import { keepOwnCertificates } from './upkeep/own-certificates.ts';
import { repeat, type Repeated } from './upkeep/repeat.ts';
import { ServerLeases } from './upkeep/server-leases.ts';

const leaveTimeoutMs = 1000;
/** How soon certificates follow a new authority, or one that somebody removed is there again. */
const followMs = 10_000;

/** Lets machines join the cluster as nodes and as servers, keeps this server's certificates, and says which servers there are. */
const plugin: AnyPlugin = definePlugin({
  name: 'cluster-join',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Lets nodes and servers join by tokens, renews certificates, and keeps the list of API servers.',
  provides: { routes: routeProvider },
  requires: { api: apiClient },
  optional: { admin: storeAdmin },
  config: configSchema,
  async setup(ctx) {
    const { config, deps, env, log } = ctx;
    const { api } = deps;
    const authority = await CurrentAuthority.open(env, config.pkiDirectory);
    const keepCertificates = async (): Promise<void> => {
      await authority.refresh();
      const renewed = await keepOwnCertificates(env, config, authority.now);
      for (const certificate of renewed) log.info({ certificate }, 'a certificate has been renewed');
    };
    await keepCertificates();
    const servers = new ServerLeases(api, env, config, config.heartbeatMs);
    const routes = joinRoutes({
      api,
      env,
      log,
      config,
      authority,
      storeAdmin: () => deps.admin.current,
      servers: () => servers.current(),
    });
    const work: Repeated[] = [];
    return {
      provides: { routes: { routes: () => routes } },
      start() {
        const beat = async (): Promise<void> => {
          await servers.beat();
          await keepServerEndpoints(
            api,
            servers.endpoints().flatMap((url) => placeOfServer(url) ?? []),
          );
        };
        const tidy = async (): Promise<void> => {
          const removed = await removeExpiredTokens(api, env);
          if (removed > 0) log.info({ removed }, 'expired join tokens have been removed');
        };
        work.push(repeat(env, log, 'saying that this server is there', config.heartbeatMs, beat));
        const followPeriodMs = Math.min(followMs, config.checkPeriodMs);
        work.push(repeat(env, log, 'looking after certificates', followPeriodMs, keepCertificates));
        work.push(repeat(env, log, 'looking after join tokens', config.checkPeriodMs, tidy));
      },
      async stop() {
        const left = Promise.all(work.map((each) => each.stop())).then(() => servers.leave());
        // Without a majority nobody listens; the others notice by themselves.
        await Promise.race([left.catch(() => undefined), env.timers.sleep(leaveTimeoutMs)]);
      },
    };
  },
});

export default plugin;

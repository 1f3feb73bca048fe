import path from 'node:path';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { objectAdmission } from '@timonel/sdk/contracts/admission';
import { apiClient } from '@timonel/sdk/contracts/api';
import {
  accessRuleSource,
  apiDelegate,
  apiEndpoint,
  apiHooks,
  derivedKinds,
  requestGate,
  resourceProvider,
  routedGroups,
  routeProvider,
  servedVersions,
} from '@timonel/sdk/contracts/api-server';
import { auditSink } from '@timonel/sdk/contracts/audit';
import { authenticator, clusterAuthority } from '@timonel/sdk/contracts/auth';
import { valueEncryption } from '@timonel/sdk/contracts/encryption';
import { healthSource } from '@timonel/sdk/contracts/health';
import { store } from '@timonel/sdk/contracts/store';
import { readAuthority } from '@timonel/sdk/pki';
import { startCompactor } from './cache/compactor.ts';
import { StoreFeed } from './cache/store-feed.ts';
import { InProcessClient } from './client/in-process-client.ts';
import { apiServerConfig } from './config.ts';
import { Connections } from './connect/connections.ts';
import { Delegates } from './connect/delegates.ts';
import { Discovery } from './discovery/discovery.ts';
import { RoutedTable } from './discovery/routed.ts';
import { ServedList } from './discovery/served-list.ts';
import { makeApplication } from './http/application.ts';
import { identify } from './http/authentication.ts';
import { authenticatorsWith } from './http/authentication-objects.ts';
import { Health } from './http/health.ts';
import { Listener } from './http/listener.ts';
import { PluginRoutes } from './http/plugin-routes.ts';
import { DerivedSource } from './kinds/derived-source.ts';
import { KindTable } from './kinds/kind-table.ts';
import { openApiMetrics } from './metrics/open-api-metrics.ts';
import { RequestObserver } from './metrics/request-observer.ts';
import { authorityIn } from './pki/authority.ts';
import { renewedCertificate, servingCertificate, type ServingCertificateOptions } from './pki/certificates.ts';
import { rotate } from './pki/rotate.ts';
import { clientAddress, subjectNames } from './pki/subject-names.ts';
import { Access } from './registry/access.ts';
import { Registry } from './registry/registry.ts';
import { sealedStore } from './registry/sealed-store.ts';
import { UnstoredReader } from './registry/unstored-reader.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'apiserver',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Serves the Kubernetes API over HTTPS and to the plugins of this process.',
  criticality: 'required',
  swap: 'never',
  provides: { api: apiClient, endpoint: apiEndpoint, authority: clusterAuthority, served: servedVersions },
  requires: { store, resources: resourceProvider, authenticators: authenticator },
  optional: {
    derived: derivedKinds,
    routes: routeProvider,
    groups: routedGroups,
    delegate: apiDelegate,
    health: healthSource,
    rules: accessRuleSource,
    encryption: valueEncryption,
    gate: requestGate,
    audit: auditSink,
    admission: objectAdmission,
  },
  hooks: apiHooks,
  config: apiServerConfig,
  async setup(ctx) {
    const { config, deps, env, log } = ctx;
    const { address, port } = config.listen;
    const { eventHistory: historyLimit, eventHistoryBytes: historyLimitBytes } = config.limits;
    const directory = config.pki.directory ?? path.join(ctx.dataDir, 'pki');
    const serving = (): ServingCertificateOptions => ({
      directory,
      names: subjectNames(address, [...config.extraSans, ...config.insideAddresses]),
      lifetimeMs: config.pki.lifetimeMs,
      env,
    });
    let certificate = await servingCertificate(serving());
    const sealed = sealedStore({ store: deps.store, encryption: () => deps.encryption.current, log });
    const feed = new StoreFeed({ store: sealed, env, log, historyLimit, historyLimitBytes, ...config.timing });
    const kinds = new KindTable(deps.resources, new DerivedSource(deps.derived, feed));
    const authenticators = authenticatorsWith(deps.authenticators, {
      find: async (type, name) => (await registry.find(type, name, 'atHand')) ?? registry.find(type, name),
    });
    const registry: Registry = new Registry({
      store: sealed,
      feed,
      env,
      hooks: ctx.hooks,
      furtherAdmission: deps.admission,
      limits: config.limits,
      eventTtlMs: config.timing.eventTtlMs,
      access: new Access({
        hooks: ctx.hooks,
        ruleSources: deps.rules,
        access: config.access,
        identify: (bearerToken, audiences) =>
          identify({ bearerToken, certificate: undefined, ...(audiences && { audiences }) }, authenticators),
      }),
      kinds,
    });
    kinds.onGone = (form) => registry.reader.endWatches(form);
    const metrics = openApiMetrics(ctx.metrics, { feed, kinds, connections: () => listener.connections });
    const health = new Health({
      checks: [
        { name: 'ping', kind: 'live', check: () => Promise.resolve() },
        { name: 'store', kind: 'ready', check: async () => void (await feed.fresh()) },
      ],
      sources: deps.health,
      env,
      log,
    });
    const unstored = new UnstoredReader(() => health.report());
    const api = new InProcessClient({ registry, kinds, unstored, signal: ctx.signal, caller: () => ctx.caller() });
    const served = new ServedList(kinds, () => registry.reader.checkKindsAreKnown());
    const connections = new Connections({ env, log, api, config });
    const routed = new RoutedTable(deps.groups, deps.delegate);
    const delegates = new Delegates({
      delegate: deps.delegate,
      kinds,
      routed,
      connections,
      checkKindsAreKnown: () => registry.reader.checkKindsAreKnown(),
    });
    const application = makeApplication({
      registry,
      env,
      log,
      config,
      kinds,
      health,
      unstored,
      metrics,
      connections,
      observer: new RequestObserver(metrics, env.clock),
      gate: deps.gate,
      audit: deps.audit,
      authenticators,
      discovery: new Discovery(kinds, routed),
      delegates,
      pluginRoutes: new PluginRoutes({
        providers: deps.routes,
        authenticators,
        env,
        bodyLimitBytes: config.limits.bodyBytes,
      }),
    });
    // Koa catches everything itself, so that the promise of its callback never rejects.
    const handler = application.callback();
    const listener: Listener = new Listener(
      certificate,
      (req, res) => void handler(req, res),
      config.limits.connections,
      env,
    );
    let url = '';
    let servedPort = 0;
    return {
      provides: {
        api,
        authority: authorityIn(env, directory),
        served: { serves: (group, version) => delegates.serves(group, version), all: () => served.all() },
        endpoint: {
          url: () => url,
          caCertificate: () => certificate.authorityPem,
          listenAlso: (further, admits) => listener.listenAlso({ address: further, port: servedPort }, admits),
        },
      },
      async start() {
        await feed.start(ctx.signal);
        startCompactor({ store: deps.store, env, log }, config.timing.compactionPeriodMs);
        servedPort = await listener.listen({ address, port });
        rotate({
          env,
          log,
          periodMs: config.pki.checkPeriodMs,
          certificate,
          authorities: async () => (await readAuthority(env, directory)).certificatePem,
          keepCertificate: () => renewedCertificate(serving()),
          use(next) {
            certificate = next;
            listener.use(next);
          },
        });
        url = `https://${clientAddress(address)}:${servedPort}`;
        log.info({ url }, 'serving the API');
      },
      async probe() {
        await feed.fresh();
      },
      async stop() {
        connections.stop();
        const closing = listener.close();
        await feed.stop();
        await closing;
      },
    };
  },
});

export default plugin;

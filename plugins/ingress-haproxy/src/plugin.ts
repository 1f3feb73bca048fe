import { definePlugin, errorMessage, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { explainers } from '@timonel/sdk/contracts/why';
import { configSchema } from './config.ts';
import { Engine } from './haproxy/engine.ts';
import { checkProgram } from './haproxy/program.ts';
import { ingressMetrics } from './metrics.ts';
import { connectionsThatFit } from './open-files.ts';
import { RoutingSource } from './routing-source.ts';
import { socketDir } from './socket-dir.ts';
import { serviceAddresses } from './status/addresses.ts';
import { makeClass } from './status/class-maker.ts';
import { ingressExplainer } from './status/explainer.ts';
import { Members } from './status/members.ts';
import { withRefusals } from './status/refusals.ts';
import { StatusWriter } from './status/status-writer.ts';
import { TrafficMetrics } from './traffic-metrics.ts';

const statisticsMs = 10_000;

const plugin: AnyPlugin = definePlugin({
  name: 'ingress-haproxy',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Serves Ingresses on ports 80 and 443 of this node, by haproxy, which must be installed.',
  provides: { explainer: explainers },
  requires: { api: apiClient },
  config: configSchema,
  swap: 'never',
  criticality: 'optional',
  async setup(ctx) {
    const { config, env, log } = ctx;
    const isRoot = process.getuid?.() === 0;
    await checkProgram(config.program);
    const maxConnections = Math.min(config.maxConnections, await connectionsThatFit());
    if (maxConnections < config.maxConnections)
      log.warn({ maxConnections }, 'fewer connections than configured: this process may not open more files');
    const sockets = await socketDir(ctx.dataDir, isRoot);
    ctx.dispose(() => sockets.remove());
    const engine = new Engine({
      env,
      log,
      signal: ctx.signal,
      program: config.program,
      dataDir: ctx.dataDir,
      socketDir: sockets.path,
      confine: isRoot,
      reloadPauseMs: config.reloadPauseMs,
      render: {
        addresses: config.listenAddresses,
        maxConnections,
        threads: config.threads,
        drainSeconds: config.drainSeconds,
        serverTimeoutMs: config.timeoutSeconds * 1000,
        tunnelTimeoutMs: config.tunnelTimeoutSeconds * 1000,
        trustedProxies: config.trustedProxies,
        acceptProxy: config.proxyProtocol,
      },
    });
    const instruments = ctx.metrics(ingressMetrics);
    const traffic = new TrafficMetrics(engine, instruments);
    const source: RoutingSource = new RoutingSource({
      host: ctx,
      api: ctx.deps.api,
      config,
      changed({ table }) {
        instruments.routes.of().set(table.routes.length);
        engine.update(table);
        void engine.settled().then(() => writer.touch());
      },
    });
    const { cache } = source;
    const { publishAddresses, publishService } = config;
    const members: Members = new Members({
      host: ctx,
      api: ctx.deps.api,
      nodeName: config.nodeName,
      changed: () => writer.touch(),
    });
    const addresses = (): readonly string[] => {
      if (publishAddresses.length > 0) return publishAddresses;
      return publishService === undefined ? members.addresses : serviceAddresses(cache.service(publishService));
    };
    const writer = new StatusWriter({
      host: ctx,
      api: ctx.deps.api,
      component: 'ingress-haproxy',
      leads: () => members.leads,
      fault: () => engine.status.lastError,
      translated: () => withRefusals(source.fresh(), engine.status.refused),
      addresses,
    });
    const explainer = ingressExplainer({
      translated: () => withRefusals(source.translated, engine.status.refused),
      ingresses: () => cache.ingresses(),
      classes: () => cache.ingressClasses(),
      engine: () => engine.status,
    });
    const complain = (what: string) => (error: unknown) => log.debug({ error: errorMessage(error) }, what);
    return {
      provides: { explainer },
      async start() {
        await engine.start();
        source.start();
        members.start();
        cache
          .synced()
          .then(() => makeClass(ctx.deps.api, config, cache.ingressClasses()))
          .catch(complain('the IngressClass could not be made'));
        env.timers.every(statisticsMs, () => void traffic.read().catch(complain('haproxy tells no statistics')));
      },
      async stop(reason) {
        const keep = config.onShutdown === 'keep' && (reason === 'shutdown' || reason === 'restart');
        await members.stop(!keep);
        await source.stop();
        await writer.stop();
        await engine.stop(keep);
      },
    };
  },
});

export default plugin;

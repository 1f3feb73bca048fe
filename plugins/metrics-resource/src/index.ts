import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { resourceProvider } from '@timonel/sdk/contracts/api-server';
import { resourceMetrics } from '@timonel/sdk/contracts/metrics';
import { nodeEndpoint, nodeResolver } from '@timonel/sdk/contracts/node';
import { informers } from '@timonel/sdk/controller';
import { ApiError, nodes, objectKey, pods } from '@timonel/sdk/kube';
import { resourceMetricsConfig } from './config.ts';
import { scrapeMetrics } from './definitions.ts';
import { metricsKinds, metricsSchemas, type MetricsLists } from './kinds.ts';
import { nodeMetrics, podMetrics } from './metrics-objects.ts';
import { Scraper } from './scraper.ts';
import { UsageSamples } from './usage-samples.ts';

/** Rounds after which a node that does not answer is left out. */
const keptRounds = 3;

/** Measures what nodes and pods use, and serves it as metrics.k8s.io: the part of metrics-server. */
const plugin: AnyPlugin = definePlugin({
  name: 'metrics-resource',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Measures what nodes and pods use, and serves it as metrics.k8s.io for kubectl top and autoscalers.',
  provides: { metrics: resourceMetrics, resources: resourceProvider },
  requires: { api: apiClient },
  optional: { nodes: nodeEndpoint, resolvers: nodeResolver },
  config: resourceMetricsConfig,
  setup(ctx) {
    const { config, deps, env, log } = ctx;
    const samples = new UsageSamples(() => env.clock.monotonic(), config.intervalMs * keptRounds + config.timeoutMs);
    const objects = informers(ctx, deps.api);
    const allNodes = objects.for(nodes);
    const allPods = objects.for(pods);
    const scraper = new Scraper({
      env,
      log,
      config,
      samples,
      metrics: ctx.metrics(scrapeMetrics),
      nodeNames: () => allNodes.list().map(({ metadata }) => metadata.name ?? ''),
      local: () => deps.nodes.all().map(({ service }) => service),
      resolvers: () => deps.resolvers.all().map(({ service }) => service),
    });
    const checkReady = (): void => {
      if (samples.ready()) return;
      const message =
        'metrics not available yet: no node has been measured twice so far; please try again in some seconds';
      throw new ApiError('ServiceUnavailable', message, { retryAfterSeconds: 2 });
    };
    const lists: MetricsLists = {
      async nodes() {
        checkReady();
        return samples.nodes().flatMap((use) => {
          const node = allNodes.get(use.name);
          return node === undefined ? [] : [nodeMetrics(node, use)];
        });
      },
      async pods() {
        checkReady();
        return samples.pods().flatMap((use) => {
          const pod = allPods.get(objectKey({ metadata: use }));
          const isMeasured = pod?.metadata.uid === use.uid && pod.status?.phase === 'Running';
          return isMeasured ? [podMetrics(pod, use)] : [];
        });
      },
    };
    const kinds = metricsKinds(lists);
    let work: Promise<void> = Promise.resolve();
    return {
      provides: { metrics: samples, resources: { definitions: () => kinds, schemas: () => metricsSchemas } },
      start() {
        objects.start();
        work = objects.synced().then(() => scraper.run(ctx.signal));
        work.catch((error: unknown) => {
          if (!ctx.signal.aborted) ctx.reportFault(error);
        });
      },
      async stop() {
        await objects.stop();
      },
    };
  },
});

export default plugin;

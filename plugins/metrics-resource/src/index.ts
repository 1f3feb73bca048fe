import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { resourceProvider } from '@timonel/sdk/contracts/api-server';
import { resourceMetrics } from '@timonel/sdk/contracts/metrics';
import { nodeEndpoint, nodeResolver } from '@timonel/sdk/contracts/node';
import { informers, type ControllerHost, type Informer, type Informers } from '@timonel/sdk/controller';
import { ApiError, nodes, objectKey, pods, type Node, type Pod } from '@timonel/sdk/kube';
import { resourceMetricsConfig } from './config.ts';
import { scrapeMetrics } from './definitions.ts';
import { metricsKinds, metricsSchemas, type MetricsLists } from './kinds.ts';
import { nodeMetrics, podMetrics } from './metrics-objects.ts';
import { Scraper } from './scraper.ts';
import { UsageSamples } from './usage-samples.ts';

/** Rounds after which a node that does not answer is left out. */
const keptRounds = 3;

/** The objects that are measured. */
interface Cluster {
  readonly all: Informers;
  readonly nodes: Informer<Node>;
  readonly pods: Informer<Pod>;
}

function follow(host: ControllerHost, api: ApiClient): Cluster {
  const all = informers(host, api);
  return { all, nodes: all.for(nodes), pods: all.for(pods) };
}

function listsOf(samples: UsageSamples, why: () => string, cluster: () => Cluster | undefined): MetricsLists {
  const ready = (): Cluster => {
    const found = cluster();
    if (found !== undefined && samples.ready()) return found;
    const message = `metrics not available yet: ${why()}`;
    throw new ApiError('ServiceUnavailable', message, { retryAfterSeconds: 2 });
  };
  return {
    async nodes() {
      const known = ready().nodes;
      return samples.nodes().flatMap((use) => {
        const node = known.get(use.name);
        return node === undefined ? [] : [nodeMetrics(node, use)];
      });
    },
    async pods(namespace) {
      const known = ready().pods;
      return samples.pods(namespace).flatMap((use) => {
        const pod = known.get(objectKey({ metadata: use }));
        const isMeasured = pod?.metadata.uid === use.uid && pod.status?.phase === 'Running';
        return isMeasured ? [podMetrics(pod, use)] : [];
      });
    },
  };
}

/** Measures what nodes and pods use, and serves it as metrics.k8s.io: the part of metrics-server. */
const plugin: AnyPlugin = definePlugin({
  name: 'metrics-resource',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Measures what nodes and pods use, and serves it as metrics.k8s.io for kubectl top and autoscalers.',
  provides: { metrics: resourceMetrics, resources: resourceProvider },
  // The server asks for the kinds, so that its client comes later than this plugin.
  optional: { api: apiClient, nodes: nodeEndpoint, resolvers: nodeResolver },
  config: resourceMetricsConfig,
  setup(ctx) {
    const { config, deps, env, log } = ctx;
    const samples = new UsageSamples(() => env.clock.monotonic(), config.intervalMs * keptRounds + config.timeoutMs);
    let cluster: Cluster | undefined;
    const scraper = new Scraper({
      env,
      log,
      config,
      samples,
      metrics: ctx.metrics(scrapeMetrics),
      nodeNames: () => cluster?.nodes.list().map(({ metadata }) => metadata.name ?? '') ?? [],
      local: () => deps.nodes.all().map(({ service }) => service),
      resolvers: () => deps.resolvers.all().map(({ service }) => service),
    });
    const connect = (): void => {
      const api = deps.api.current;
      if (cluster !== undefined || api === undefined) return;
      const { all } = (cluster = follow(ctx, api));
      all.start();
      const work = all.synced().then(() => scraper.run(ctx.signal));
      work.catch((error: unknown) => {
        if (!ctx.signal.aborted) ctx.reportFault(error);
      });
    };
    const kinds = metricsKinds(
      listsOf(
        samples,
        () => scraper.why(),
        () => cluster,
      ),
    );
    return {
      provides: { metrics: samples, resources: { definitions: () => kinds, schemas: () => metricsSchemas } },
      start() {
        deps.api.onChange(connect);
        connect();
      },
      async stop() {
        await cluster?.all.stop();
      },
    };
  },
});

export default plugin;

import { definePlugin, kernelMetrics, type AnyPlugin } from '@timonel/sdk';
import { routeProvider, type Route } from '@timonel/sdk/contracts/api-server';
import { expositionFormat, expositionTypes, formatMetrics } from '@timonel/sdk/contracts/metrics';
import { processMetrics, type ProcessMetrics } from './definitions.ts';
import { ProcessFigures } from './process-figures.ts';

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}

/** Serves all metrics of the process at /metrics, and those of the process itself. */
const plugin: AnyPlugin = definePlugin({
  name: 'metrics-prometheus',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Serves the metrics of this process at /metrics, as text for Prometheus or as OpenMetrics.',
  provides: { routes: routeProvider },
  requires: { metrics: kernelMetrics },
  setup(ctx) {
    const own: ProcessMetrics = ctx.metrics(processMetrics, (metrics) => figures.write(metrics));
    const figures = new ProcessFigures(() => own);
    ctx.dispose(() => figures.stop());
    const route: Route = {
      method: 'GET',
      path: '/metrics',
      handle({ accept }) {
        const format = expositionFormat(accept);
        const stream = once(formatMetrics(ctx.deps.metrics.collect(), format));
        return Promise.resolve({ kind: 'stream', contentType: expositionTypes[format], stream });
      },
    };
    const routes = Object.freeze([route]);
    return { provides: { routes: { routes: () => routes } } };
  },
});

export default plugin;

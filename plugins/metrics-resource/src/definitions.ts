import { counterMetric, histogramMetric, type MetricDefinition } from '@timonel/sdk';

export const scrapeMetrics: {
  readonly requests: MetricDefinition<'counter', readonly ['success']>;
  readonly duration: MetricDefinition<'histogram', readonly []>;
} = Object.freeze({
  requests: counterMetric('metrics_server_kubelet_request_total', {
    help: 'Questions to nodes for what they use, by whether they were answered.',
    labels: ['success'],
  }),
  duration: histogramMetric('metrics_server_manager_tick_duration_seconds', {
    help: 'Time that rounds over all nodes took.',
  }),
});

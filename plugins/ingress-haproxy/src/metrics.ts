import { counterMetric, gaugeMetric, type MetricDefinition } from '@timonel/sdk';

export const ingressMetrics: {
  readonly requests: MetricDefinition<'counter', readonly ['upstream', 'code']>;
  readonly bytes: MetricDefinition<'counter', readonly ['upstream', 'direction']>;
  readonly retries: MetricDefinition<'counter', readonly ['upstream']>;
  readonly connections: MetricDefinition<'gauge', readonly ['port']>;
  readonly reloads: MetricDefinition<'counter', readonly []>;
  readonly routes: MetricDefinition<'gauge', readonly []>;
} = Object.freeze({
  requests: counterMetric('timonel_ingress_requests_total', {
    help: 'Requests by the port of the service that they went to (none: no route led to one) and the class of the answer (2xx).',
    labels: ['upstream', 'code'],
  }),
  bytes: counterMetric('timonel_ingress_bytes_total', {
    help: 'Bytes of requests (in) and answers (out) by the port of the service.',
    labels: ['upstream', 'direction'],
  }),
  retries: counterMetric('timonel_ingress_retries_total', {
    help: 'Requests that were tried again, by the port of the service.',
    labels: ['upstream'],
  }),
  connections: gaugeMetric('timonel_ingress_connections', {
    help: 'Connections of clients at this moment, by port.',
    labels: ['port'],
  }),
  reloads: counterMetric('timonel_ingress_reloads_total', { help: 'New configurations that haproxy took.' }),
  routes: gaugeMetric('timonel_ingress_routes', { help: 'Routes that are served.' }),
});

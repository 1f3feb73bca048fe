import { counterMetric, type MetricDefinition } from '@timonel/sdk';

/** Under the names of kube-apiserver. */
export const webhookMetrics: {
  readonly requests: MetricDefinition<'counter', readonly ['name', 'type', 'operation', 'rejected']>;
  readonly failOpen: MetricDefinition<'counter', readonly ['name', 'type']>;
} = Object.freeze({
  requests: counterMetric('apiserver_admission_webhook_request_total', {
    help: 'Calls of admission webhooks, by webhook, whether it mutates or validates, operation, and whether the request was refused.',
    labels: ['name', 'type', 'operation', 'rejected'],
  }),
  failOpen: counterMetric('apiserver_admission_webhook_fail_open_total', {
    help: 'Calls of admission webhooks that failed and let the request go on.',
    labels: ['name', 'type'],
  }),
});

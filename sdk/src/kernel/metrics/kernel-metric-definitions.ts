import { counterMetric, gaugeMetric, histogramMetric, type MetricDefinition } from './definitions.ts';

const labels = ['hook', 'plugin'] as const;
const method = ['service', 'method'] as const;

/** What the kernel says of itself and its plugins at /metrics. */
export const kernelMetricDefinitions: {
  readonly hookDuration: MetricDefinition<'histogram', readonly ['hook', 'plugin']>;
  readonly hookFailures: MetricDefinition<'counter', readonly ['hook', 'plugin', 'reason']>;
  readonly pluginState: MetricDefinition<'gauge', readonly ['plugin', 'state']>;
  readonly pluginFaults: MetricDefinition<'counter', readonly ['plugin']>;
  readonly pluginRestarts: MetricDefinition<'counter', readonly ['plugin']>;
  readonly swaps: MetricDefinition<'counter', readonly ['service', 'outcome']>;
  readonly swapPause: MetricDefinition<'histogram', readonly []>;
  readonly serviceCalls: MetricDefinition<'counter', readonly ['service', 'method']>;
  readonly serviceErrors: MetricDefinition<'counter', readonly ['service', 'method']>;
  readonly serviceSeconds: MetricDefinition<'counter', readonly ['service', 'method']>;
  readonly stalls: MetricDefinition<'counter', readonly ['plugin']>;
} = Object.freeze({
  hookDuration: histogramMetric('timonel_hook_duration_seconds', {
    help: 'Time that taps took, by hook and by the plugin that taps it.',
    labels,
    buckets: [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 0.02, 0.1, 0.5, 2],
  }),
  hookFailures: counterMetric('timonel_hook_failures_total', {
    help: 'Taps that threw or gave a wrong result (error) or missed their deadline (timeout).',
    labels: ['hook', 'plugin', 'reason'],
  }),
  pluginState: gaugeMetric('timonel_plugin_state', {
    help: '1 for the state each enabled plugin is in.',
    labels: ['plugin', 'state'],
  }),
  pluginFaults: counterMetric('timonel_plugin_faults_total', {
    help: 'Faults counted against each plugin.',
    labels: ['plugin'],
  }),
  pluginRestarts: counterMetric('timonel_plugin_restarts_total', {
    help: 'Restarts of each plugin after a quarantine.',
    labels: ['plugin'],
  }),
  swaps: counterMetric('timonel_swaps_total', {
    help: 'Swaps of the provider of a service: done, failed, or swapped-back in probation.',
    labels: ['service', 'outcome'],
  }),
  swapPause: histogramMetric('timonel_swap_pause_seconds', {
    help: 'How long calls were held back in swaps that were done.',
  }),
  serviceCalls: counterMetric('timonel_service_calls_total', {
    help: 'Calls from one plugin to another, by service and method.',
    labels: method,
  }),
  serviceErrors: counterMetric('timonel_service_errors_total', {
    help: 'Those calls that threw or rejected.',
    labels: method,
  }),
  serviceSeconds: counterMetric('timonel_service_busy_seconds_total', {
    help: 'Time those calls held the event loop, up to their first wait.',
    labels: method,
  }),
  stalls: counterMetric('timonel_eventloop_stalls_total', {
    help: 'How often a plugin held the event loop longer than the kernel tolerates (stallWarnMs).',
    labels: ['plugin'],
  }),
});

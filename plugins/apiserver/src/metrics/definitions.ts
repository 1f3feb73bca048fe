/** What the API server counts, under the names that kube-apiserver has for it. */
import { counterMetric, gaugeMetric, histogramMetric, type Instruments, type MetricDefinition } from '@timonel/sdk';

const requestLabels = ['verb', 'dry_run', 'group', 'version', 'resource', 'subresource', 'scope', 'component'] as const;
const longRunningLabels = ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'] as const;

type RequestLabels = typeof requestLabels;

export const apiMetrics: {
  readonly requests: MetricDefinition<'counter', readonly [...RequestLabels, 'code']>;
  readonly duration: MetricDefinition<'histogram', RequestLabels>;
  readonly inflight: MetricDefinition<'gauge', readonly ['request_kind']>;
  readonly longRunning: MetricDefinition<'gauge', typeof longRunningLabels>;
  readonly watchEvents: MetricDefinition<'counter', readonly ['group', 'version', 'resource']>;
  readonly objects: MetricDefinition<'gauge', readonly ['group', 'resource']>;
  readonly connections: MetricDefinition<'gauge', readonly []>;
  readonly build: MetricDefinition<'gauge', readonly ['major', 'minor', 'git_version', 'platform']>;
} = Object.freeze({
  requests: counterMetric('apiserver_request_total', {
    help: 'HTTP requests by verb, resource, scope and HTTP code. Watches and connections count when they end.',
    labels: [...requestLabels, 'code'] as const,
    seriesLimit: 10_000,
  }),
  duration: histogramMetric('apiserver_request_duration_seconds', {
    help: 'Time to answer requests, without watches, connections and logs that are followed.',
    labels: requestLabels,
    seriesLimit: 5000,
  }),
  inflight: gaugeMetric('apiserver_current_inflight_requests', {
    help: 'Requests that are being worked on, by whether they may change something; none that is long-running.',
    labels: ['request_kind'],
  }),
  longRunning: gaugeMetric('apiserver_longrunning_requests', {
    help: 'Open watches, connections into pods and logs that are followed.',
    labels: longRunningLabels,
  }),
  watchEvents: counterMetric('apiserver_watch_events_total', {
    help: 'Events sent to watching HTTP clients.',
    labels: ['group', 'version', 'resource'],
  }),
  objects: gaugeMetric('apiserver_resource_objects', {
    help: 'Stored objects by resource.',
    labels: ['group', 'resource'],
  }),
  connections: gaugeMetric('apiserver_open_connections', { help: 'Open connections of HTTP clients.' }),
  build: gaugeMetric('kubernetes_build_info', {
    help: 'Always 1; its labels tell the version of Kubernetes whose API is served.',
    labels: ['major', 'minor', 'git_version', 'platform'],
  }),
});

export type ApiMetrics = Instruments<typeof apiMetrics>;

/** What every process shows, under the names that Prometheus clients of other languages and of Node have for it. */
import { counterMetric, gaugeMetric, histogramMetric, type Instruments, type MetricDefinition } from '@timonel/sdk';

export const processMetrics: {
  readonly cpu: MetricDefinition<'counter', readonly []>;
  readonly userCpu: MetricDefinition<'counter', readonly []>;
  readonly systemCpu: MetricDefinition<'counter', readonly []>;
  readonly startTime: MetricDefinition<'gauge', readonly []>;
  readonly resident: MetricDefinition<'gauge', readonly []>;
  readonly openFiles: MetricDefinition<'gauge', readonly []>;
  readonly maxFiles: MetricDefinition<'gauge', readonly []>;
  readonly heapTotal: MetricDefinition<'gauge', readonly []>;
  readonly heapUsed: MetricDefinition<'gauge', readonly []>;
  readonly external: MetricDefinition<'gauge', readonly []>;
  readonly arrayBuffers: MetricDefinition<'gauge', readonly []>;
  readonly loopUtilization: MetricDefinition<'gauge', readonly []>;
  readonly loopLag: MetricDefinition<'gauge', readonly ['statistic']>;
  readonly gc: MetricDefinition<'histogram', readonly ['kind']>;
  readonly version: MetricDefinition<'gauge', readonly ['version']>;
} = Object.freeze({
  cpu: counterMetric('process_cpu_seconds_total', { help: 'CPU time of the process, user and system.' }),
  userCpu: counterMetric('process_cpu_user_seconds_total', { help: 'CPU time of the process in user mode.' }),
  systemCpu: counterMetric('process_cpu_system_seconds_total', { help: 'CPU time of the process in the system.' }),
  startTime: gaugeMetric('process_start_time_seconds', { help: 'When the process started, since the epoch.' }),
  resident: gaugeMetric('process_resident_memory_bytes', { help: 'Resident memory of the process.' }),
  openFiles: gaugeMetric('process_open_fds', { help: 'Open file descriptors.' }),
  maxFiles: gaugeMetric('process_max_fds', { help: 'The most file descriptors that may be open.' }),
  heapTotal: gaugeMetric('nodejs_heap_size_total_bytes', { help: 'Size of the JavaScript heap.' }),
  heapUsed: gaugeMetric('nodejs_heap_size_used_bytes', { help: 'Used part of the JavaScript heap.' }),
  external: gaugeMetric('nodejs_external_memory_bytes', { help: 'Memory of objects outside of the heap.' }),
  arrayBuffers: gaugeMetric('nodejs_array_buffers_bytes', { help: 'The part of it that buffers have.' }),
  loopUtilization: gaugeMetric('nodejs_eventloop_utilization_ratio', {
    help: 'Part of the time since the last collection in which the event loop was busy.',
  }),
  loopLag: gaugeMetric('nodejs_eventloop_lag_seconds', {
    help: 'How late timers were since the last collection: mean, p50, p99, max.',
    labels: ['statistic'],
  }),
  gc: histogramMetric('nodejs_gc_duration_seconds', {
    help: 'Pauses for garbage collection, by kind: minor, major, incremental or weakcb.',
    labels: ['kind'],
    buckets: [0.001, 0.01, 0.1, 1, 2, 5],
  }),
  version: gaugeMetric('nodejs_version_info', {
    help: 'Always 1; its label tells the version of Node.',
    labels: ['version'],
  }),
});

export type ProcessMetrics = Instruments<typeof processMetrics>;

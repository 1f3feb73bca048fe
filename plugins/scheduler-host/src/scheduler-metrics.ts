import { counterMetric, gaugeMetric, histogramMetric, type Instruments, type MetricDefinition } from '@timonel/sdk';

/** What the scheduling loop shows, under the names of kube-scheduler. */
export const schedulerMetrics: {
  readonly attempts: MetricDefinition<'counter', readonly ['result']>;
  readonly pending: MetricDefinition<'gauge', readonly ['queue']>;
  readonly decision: MetricDefinition<'histogram', readonly ['profile']>;
  readonly batch: MetricDefinition<'histogram', readonly []>;
} = Object.freeze({
  attempts: counterMetric('scheduler_schedule_attempts_total', {
    help: 'Attempts to find a node for a pod: scheduled, unschedulable or error.',
    labels: ['result'],
  }),
  pending: gaugeMetric('scheduler_pending_pods', {
    help: 'Pods without a node: active, backoff or unschedulable.',
    labels: ['queue'],
  }),
  decision: histogramMetric('scheduler_scheduling_algorithm_duration_seconds', {
    help: 'Time that the scheduler in charge took to decide about a batch of pods.',
    labels: ['profile'],
  }),
  batch: histogramMetric('scheduler_batch_pods', {
    help: 'Pods decided about at once.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
  }),
});

export type SchedulerMetrics = Instruments<typeof schedulerMetrics>;

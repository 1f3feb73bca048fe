import { counterMetric, gaugeMetric, type MetricDefinition } from '@timonel/sdk';

/** Under the names of kube-apiserver. */
export const fairnessMetrics: {
  readonly dispatched: MetricDefinition<'counter', readonly ['priority_level']>;
  readonly rejected: MetricDefinition<'counter', readonly ['priority_level', 'reason']>;
  readonly executing: MetricDefinition<'gauge', readonly ['priority_level']>;
  readonly waiting: MetricDefinition<'gauge', readonly ['priority_level']>;
  readonly nominal: MetricDefinition<'gauge', readonly ['priority_level']>;
} = Object.freeze({
  dispatched: counterMetric('apiserver_flowcontrol_dispatched_requests_total', {
    help: 'Requests that were let in, by their priority level.',
    labels: ['priority_level'],
  }),
  rejected: counterMetric('apiserver_flowcontrol_rejected_requests_total', {
    help: 'Requests that were turned away, by priority level and reason.',
    labels: ['priority_level', 'reason'],
  }),
  executing: gaugeMetric('apiserver_flowcontrol_current_executing_seats', {
    help: 'Seats of requests at work, by priority level.',
    labels: ['priority_level'],
  }),
  waiting: gaugeMetric('apiserver_flowcontrol_current_inqueue_requests', {
    help: 'Requests that wait, by priority level.',
    labels: ['priority_level'],
  }),
  nominal: gaugeMetric('apiserver_flowcontrol_nominal_limit_seats', {
    help: "Seats that are a level's own share.",
    labels: ['priority_level'],
  }),
});

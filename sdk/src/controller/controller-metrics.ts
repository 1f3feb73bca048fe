import {
  counterMetric,
  gaugeMetric,
  histogramMetric,
  type Instruments,
  type MetricDefinition,
} from '../kernel/index.ts';

/** What every controller shows of its queue and its work, under the names of client-go where it has them. */
export const controllerMetrics: {
  readonly depth: MetricDefinition<'gauge', readonly ['name']>;
  readonly adds: MetricDefinition<'counter', readonly ['name']>;
  readonly retries: MetricDefinition<'counter', readonly ['name']>;
  readonly duration: MetricDefinition<'histogram', readonly ['name']>;
  readonly errors: MetricDefinition<'counter', readonly ['name', 'kind']>;
  readonly leading: MetricDefinition<'gauge', readonly ['name']>;
} = Object.freeze({
  depth: gaugeMetric('workqueue_depth', {
    help: 'Keys that wait in the queue of a controller, without those that are delayed.',
    labels: ['name'],
  }),
  adds: counterMetric('workqueue_adds_total', { help: 'Keys added to the queue of a controller.', labels: ['name'] }),
  retries: counterMetric('workqueue_retries_total', {
    help: 'Keys put back with a back-off after a failure.',
    labels: ['name'],
  }),
  duration: histogramMetric('workqueue_work_duration_seconds', {
    help: 'Time that a controller worked on one key.',
    labels: ['name'],
  }),
  errors: counterMetric('timonel_reconcile_errors_total', {
    help: 'Reconciles that failed: routine (conflicts, a busy or absent API), refused (by the API) or fault.',
    labels: ['name', 'kind'],
  }),
  leading: gaugeMetric('timonel_controller_active', {
    help: '1 while a controller of this process works, 0 while that of another process does.',
    labels: ['name'],
  }),
});

/** Instruments of {@link controllerMetrics}. */
export type ControllerMetrics = Instruments<typeof controllerMetrics>;

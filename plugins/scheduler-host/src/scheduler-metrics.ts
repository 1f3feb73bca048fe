import {
  counterMetric,
  gaugeMetric,
  histogramMetric,
  secondsBuckets,
  type Clock,
  type Instruments,
  type MetricDefinition,
} from '@timonel/sdk';
import type { SchedulerHost } from './host.ts';
import type { HostObserver } from './observers.ts';

/** What the scheduling loop shows, under the names of kube-scheduler. */
export const schedulerMetrics: {
  readonly attempts: MetricDefinition<'counter', readonly ['result']>;
  readonly pending: MetricDefinition<'gauge', readonly ['queue']>;
  readonly incoming: MetricDefinition<'counter', readonly ['queue', 'event']>;
  readonly decision: MetricDefinition<'histogram', readonly ['profile']>;
  readonly attempt: MetricDefinition<'histogram', readonly ['result', 'profile']>;
  readonly sli: MetricDefinition<'histogram', readonly ['attempts']>;
  readonly podAttempts: MetricDefinition<'histogram', readonly []>;
  readonly preemptions: MetricDefinition<'counter', readonly []>;
  readonly victims: MetricDefinition<'histogram', readonly []>;
  readonly batch: MetricDefinition<'histogram', readonly []>;
} = Object.freeze({
  attempts: counterMetric('scheduler_schedule_attempts_total', {
    help: 'Attempts to find a node for a pod: scheduled, unschedulable or error.',
    labels: ['result'],
  }),
  pending: gaugeMetric('scheduler_pending_pods', {
    help: 'Pods without a node: active, backoff, unschedulable or gated.',
    labels: ['queue'],
  }),
  incoming: counterMetric('scheduler_queue_incoming_pods_total', {
    help: 'Pods that came to a part of the queue, by what brought them there.',
    labels: ['queue', 'event'],
  }),
  decision: histogramMetric('scheduler_scheduling_algorithm_duration_seconds', {
    help: 'Time that the scheduler in charge took to decide about a batch of pods.',
    labels: ['profile'],
  }),
  attempt: histogramMetric('scheduler_scheduling_attempt_duration_seconds', {
    help: 'Time of an attempt to schedule a pod: from the question to the binding, or to the answer that there is no node.',
    labels: ['result', 'profile'],
  }),
  sli: histogramMetric('scheduler_pod_scheduling_sli_duration_seconds', {
    help: 'Time from the arrival of a pod in the queue to its binding, by the number of attempts it took.',
    labels: ['attempts'],
    buckets: [...secondsBuckets, 120, 300, 600, 1800],
  }),
  podAttempts: histogramMetric('scheduler_pod_scheduling_attempts', {
    help: 'Attempts that it took to bind a pod.',
    buckets: [1, 2, 4, 8, 16],
  }),
  preemptions: counterMetric('scheduler_preemption_attempts_total', {
    help: 'Preemptions that were carried out.',
  }),
  victims: histogramMetric('scheduler_preemption_victims', {
    help: 'Pods that had to go for one preemption.',
    buckets: [1, 2, 4, 8, 16, 32, 64],
  }),
  batch: histogramMetric('scheduler_batch_pods', {
    help: 'Pods decided about at once.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
  }),
});

export type SchedulerMetrics = Instruments<typeof schedulerMetrics>;

const mostAttempts = 15;

/** Brings what the host counts itself into the metrics. */
export function collect(
  metrics: Pick<SchedulerMetrics, 'attempts' | 'pending' | 'incoming' | 'preemptions'>,
  host: SchedulerHost,
): void {
  const { bound, unschedulable, bindErrors, decisionErrors, preemptions } = host.counts;
  metrics.attempts.of('scheduled').set(bound);
  metrics.attempts.of('unschedulable').set(unschedulable);
  metrics.attempts.of('error').set(bindErrors + decisionErrors);
  metrics.preemptions.of().set(preemptions);
  for (const [queue, count] of Object.entries(host.pending())) metrics.pending.of(queue).set(count);
  for (const [key, count] of host.incoming) {
    const [queue = '', event = ''] = key.split(' ');
    metrics.incoming.of(queue, event).set(count);
  }
}

/** Measures what happens. */
export function observerOf(metrics: SchedulerMetrics, profile: () => string, clock: Clock): HostObserver {
  return {
    deciding({ length }) {
      const startedMs = clock.monotonic();
      const decided = (): void => {
        metrics.decision.of(profile()).observe((clock.monotonic() - startedMs) / 1000);
        metrics.batch.of().observe(length);
      };
      return { decided };
    },
    attempted: (result, ms) => metrics.attempt.of(result, profile()).observe(ms / 1000),
    bound({ attempts }, sinceAddedMs) {
      const label = attempts >= mostAttempts ? `${mostAttempts}+` : String(attempts);
      metrics.sli.of(label).observe(sinceAddedMs / 1000);
      metrics.podAttempts.of().observe(attempts);
    },
    preempted: (victims) => metrics.victims.of().observe(victims),
  };
}

import { counterMetric, type MetricDefinition } from '@timonel/sdk';

/** Under the names of kube-apiserver. */
export const auditMetrics: {
  readonly events: MetricDefinition<'counter', readonly []>;
  readonly lost: MetricDefinition<'counter', readonly ['plugin']>;
} = Object.freeze({
  events: counterMetric('apiserver_audit_event_total', { help: 'Audit events that were made.' }),
  lost: counterMetric('apiserver_audit_error_total', {
    help: 'Audit events that were lost: more came than could be written, or the disk failed.',
    labels: ['plugin'],
  }),
});

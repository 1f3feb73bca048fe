import { gaugeMetric, type MetricDefinition } from '../kernel/index.ts';

export const certificateMetrics: {
  readonly expiry: MetricDefinition<'gauge', readonly ['certificate']>;
} = Object.freeze({
  expiry: gaugeMetric('timonel_certificate_expiry_timestamp_seconds', {
    help: 'When certificates of this process end (ca: the authority that signs; apiserver, peer, master-client, node), in seconds since the epoch.',
    labels: ['certificate'],
  }),
});

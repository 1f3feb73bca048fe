import { counterMetric, gaugeMetric, type MetricDefinition } from '@timonel/sdk';

/** Under the names that dashboards of CoreDNS read, where it has such. */
export const dnsMetrics: {
  readonly requests: MetricDefinition<'counter', readonly ['zone', 'proto', 'type']>;
  readonly responses: MetricDefinition<'counter', readonly ['zone', 'rcode']>;
  readonly failures: MetricDefinition<'counter', readonly []>;
  readonly services: MetricDefinition<'gauge', readonly []>;
} = Object.freeze({
  requests: counterMetric('coredns_dns_requests_total', {
    help: 'DNS queries by who answers them (cluster: names of the cluster, forward: other servers, refused: nobody), transport and type.',
    labels: ['zone', 'proto', 'type'],
  }),
  responses: counterMetric('coredns_dns_responses_total', {
    help: 'DNS answers by who gave them and their code.',
    labels: ['zone', 'rcode'],
  }),
  failures: counterMetric('timonel_dns_forward_failures_total', {
    help: 'Queries for names outside of the cluster that no other server answered.',
  }),
  services: gaugeMetric('timonel_dns_services', { help: 'Services whose names are known.' }),
});

const rcodeNames = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

export function rcodeName(rcode: number): string {
  return rcodeNames[rcode] ?? 'other';
}

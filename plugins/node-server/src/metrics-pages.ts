/** /metrics of this process, and /metrics/resource: what the node and its pods use, as the kubelet shows it to metric collectors. */
import type { KernelMetrics, MetricFamily, MetricSample } from '@timonel/sdk';
import { expositionFormat, expositionTypes, formatMetrics } from '@timonel/sdk/contracts/metrics';
import type { NodeEndpoint, NodeUsage } from '@timonel/sdk/contracts/node';

export interface Page {
  readonly contentType: string;
  readonly text: string;
}

interface Measured {
  readonly labels: MetricSample['labels'];
  readonly cpuUsageNanos: number;
  readonly memoryWorkingSetBytes: number;
}

function familiesOf(prefix: string, what: string, all: readonly Measured[]): MetricFamily[] {
  const samples = (valueOf: (measured: Measured) => number): MetricSample[] =>
    all.map((measured) => ({ suffix: '', labels: measured.labels, value: valueOf(measured) }));
  return [
    {
      name: `${prefix}_cpu_usage_seconds_total`,
      type: 'counter',
      help: `CPU time that ${what} used.`,
      samples: samples(({ cpuUsageNanos }) => cpuUsageNanos / 1e9),
    },
    {
      name: `${prefix}_memory_working_set_bytes`,
      type: 'gauge',
      help: `Memory in the working set of ${what}.`,
      samples: samples(({ memoryWorkingSetBytes }) => memoryWorkingSetBytes),
    },
  ];
}

/** The families of /metrics/resource. */
export function resourceFamilies(usage: NodeUsage): MetricFamily[] {
  const pods = usage.pods.map((pod): Measured => {
    const sum = (valueOf: (container: (typeof pod.containers)[number]) => number): number =>
      pod.containers.reduce((total, container) => total + valueOf(container), 0);
    return {
      labels: [
        ['namespace', pod.namespace],
        ['pod', pod.name],
      ],
      cpuUsageNanos: sum(({ cpuUsageNanos }) => cpuUsageNanos),
      memoryWorkingSetBytes: sum(({ memoryWorkingSetBytes }) => memoryWorkingSetBytes),
    };
  });
  const containers = usage.pods.flatMap(({ namespace, name, containers: own }) =>
    own.map((container): Measured => ({
      labels: [
        ['container', container.name],
        ['namespace', namespace],
        ['pod', name],
      ],
      cpuUsageNanos: container.cpuUsageNanos,
      memoryWorkingSetBytes: container.memoryWorkingSetBytes,
    })),
  );
  return [
    ...familiesOf('container', 'the container', containers),
    ...familiesOf('node', 'the node', [{ labels: [], ...usage }]),
    ...familiesOf('pod', 'the containers of the pod', pods),
  ];
}

/** Undefined: another path. @throws ApiError ServiceUnavailable */
export async function metricsPage(
  path: string,
  accept: string,
  sources: { readonly metrics: KernelMetrics; readonly node: () => NodeEndpoint },
): Promise<Page | undefined> {
  const format = expositionFormat(accept);
  const page = (families: readonly MetricFamily[]): Page => ({
    contentType: expositionTypes[format],
    text: formatMetrics(families, format),
  });
  if (path === '/metrics') return page(sources.metrics.collect());
  if (path === '/metrics/resource') return page(resourceFamilies(await sources.node().usage()));
  return undefined;
}

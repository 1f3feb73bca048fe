/** /metrics/resource and /metrics/probes, as the kubelet shows them to metric collectors. Pure. */
import type { MetricFamily, MetricSample } from '@timonel/sdk';
import type { NodeStats, NodeUsage, ProbeCount } from '@timonel/sdk/contracts/node';

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

/** What /metrics/resource tells beside what is used. */
export function startFamilies({ pods }: NodeStats): MetricFamily[] {
  const samples = pods.flatMap(({ namespace, name, containers }) =>
    containers.map((container): MetricSample => {
      const labels: MetricSample['labels'] = [
        ['container', container.name],
        ['namespace', namespace],
        ['pod', name],
      ];
      return { suffix: '', labels, value: container.startedAt / 1000 };
    }),
  );
  const help = 'When the container started, since the epoch.';
  return [{ name: 'container_start_time_seconds', type: 'gauge', help, samples }];
}

/** Of /metrics: what users of the kubelet look for there. */
export function kubeletFamilies({ nodeName, pods }: NodeStats): MetricFamily[] {
  const gauge = (name: string, help: string, value: number, labels: MetricSample['labels'] = []): MetricFamily => ({
    name,
    type: 'gauge',
    help,
    samples: [{ suffix: '', labels, value }],
  });
  const containers = pods.reduce((sum, pod) => sum + pod.containers.length, 0);
  const running: MetricSample['labels'] = [['container_state', 'running']];
  return [
    gauge('kubelet_node_name', 'The name of the node. Always 1.', 1, [['node', nodeName]]),
    gauge('kubelet_running_pods', 'Pods of which something runs.', pods.length),
    gauge('kubelet_running_containers', 'Containers that run.', containers, running),
  ];
}

export function probeFamilies(counts: readonly ProbeCount[]): MetricFamily[] {
  const samples = counts.map(({ container, namespace, name, uid, probe, result, count }): MetricSample => {
    const labels: MetricSample['labels'] = [
      ['container', container],
      ['namespace', namespace],
      ['pod', name],
      ['pod_uid', uid],
      ['probe_type', probe],
      ['result', result],
    ];
    return { suffix: '', labels, value: count };
  });
  return [{ name: 'prober_probe_total', type: 'counter', help: 'Probes by their result.', samples }];
}

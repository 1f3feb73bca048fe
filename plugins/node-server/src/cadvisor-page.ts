/** /metrics/cadvisor: what containers use, by the names that dashboards know. Pure. */
import type { MetricFamily, MetricSample } from '@timonel/sdk';
import type { ContainerStatsOfNode, InterfaceStats, NodeStats, PodStatsOfNode } from '@timonel/sdk/contracts/node';

type Labels = MetricSample['labels'];
type Type = 'counter' | 'gauge';

interface Subject {
  readonly container: ContainerStatsOfNode;
  readonly labels: Labels;
}

function labelsOf({ namespace, name: pod }: PodStatsOfNode, { name, id, image }: ContainerStatsOfNode): Labels {
  return [
    ['container', name],
    ['id', id],
    ['image', image],
    ['name', id],
    ['namespace', namespace],
    ['pod', pod],
  ];
}

const quotaPeriod = 100_000;
const perCpu = 1000;

type Figure = readonly [name: string, type: Type, help: string, valueOf: (of: ContainerStatsOfNode) => number];

const figures: readonly Figure[] = [
  ['container_cpu_usage_seconds_total', 'counter', 'CPU time that the container used.', (of) => of.cpuUsageNanos / 1e9],
  ['container_memory_usage_bytes', 'gauge', 'Memory that the container uses.', (of) => of.memoryUsageBytes],
  ['container_memory_working_set_bytes', 'gauge', 'Its working set.', (of) => of.memoryWorkingSetBytes],
  ['container_processes', 'gauge', 'Processes in the container.', (of) => of.processes],
  ['container_start_time_seconds', 'gauge', 'When it started, since the epoch.', (of) => of.startedAt / 1000],
  ['container_spec_memory_limit_bytes', 'gauge', 'Its limit of memory; 0: none.', (of) => of.memoryLimitBytes],
  ['container_spec_cpu_period', 'gauge', 'The period of its limit of cpu, in µs.', () => quotaPeriod],
];

/** Of containers that have a limit only. */
const quota: Figure = [
  'container_spec_cpu_quota',
  'gauge',
  'What of the period it may use, in µs.',
  (of) => (of.cpuLimitMillis * quotaPeriod) / perCpu,
];

type NetworkFigure = readonly [name: string, help: string, valueOf: (of: InterfaceStats) => number];

const networkFigures: readonly NetworkFigure[] = [
  ['container_network_receive_bytes_total', 'Bytes that the pod received.', (of) => of.receivedBytes],
  ['container_network_receive_errors_total', 'Errors while it received.', (of) => of.receiveErrors],
  ['container_network_transmit_bytes_total', 'Bytes that the pod sent.', (of) => of.sentBytes],
  ['container_network_transmit_errors_total', 'Errors while it sent.', (of) => of.sendErrors],
];

function family([name, type, help, valueOf]: Figure, subjects: readonly Subject[]): MetricFamily {
  const samples = subjects.map(({ container, labels }) => ({ suffix: '', labels, value: valueOf(container) }));
  return { name, type, help, samples };
}

function networkFamily([name, help, valueOf]: NetworkFigure, pods: readonly PodStatsOfNode[]): MetricFamily {
  const samples = pods.flatMap(({ namespace, name: pod, network }) =>
    network.map((each) => ({
      suffix: '',
      labels: [
        ['interface', each.name],
        ['namespace', namespace],
        ['pod', pod],
      ] as Labels,
      value: valueOf(each),
    })),
  );
  return { name, type: 'counter', help, samples };
}

export function cadvisorFamilies({ cpus, memoryBytes, pods }: NodeStats): MetricFamily[] {
  const subjects = pods.flatMap((pod) =>
    pod.containers.map((container) => ({ container, labels: labelsOf(pod, container) })),
  );
  const limited = subjects.filter(({ container }) => container.cpuLimitMillis > 0);
  const machine = (name: string, help: string, value: number): MetricFamily => ({
    name,
    type: 'gauge',
    help,
    samples: [{ suffix: '', labels: [], value }],
  });
  return [
    ...figures.map((figure) => family(figure, subjects)),
    family(quota, limited),
    ...networkFigures.map((figure) => networkFamily(figure, pods)),
    machine('machine_cpu_cores', 'Cores of the machine.', cpus),
    machine('machine_memory_bytes', 'Memory of the machine.', memoryBytes),
  ];
}

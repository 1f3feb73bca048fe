import { fill, hostname, node, nodes, pod, podTerm, spread, zoneLabel, type Fault } from './fault.ts';

const three = nodes(3);
const zones = nodes(4, (at) => ({ zone: at <= 2 ? 'a' : 'b' }));
const web = { labels: { app: 'web' } };

/** Faults of rules between pods. */
export const relationFaults: readonly Fault[] = [
  {
    name: 'a pod of the same workload is on every node',
    nodes: three,
    placed: fill(three, { ...web, spec: podTerm('podAntiAffinity', { app: 'web' }) }),
    pods: [pod('web', { ...web, spec: podTerm('podAntiAffinity', { app: 'web' }) })],
    expected: { code: 'pod-anti-affinity', plugin: 'InterPodAffinity', unblock: 'remove pod shop/on-n' },
  },
  {
    name: 'a pod that the other must not meet is in every zone',
    nodes: zones,
    placed: [pod('w1', { ...web, on: 'n1' }), pod('w2', { ...web, on: 'n3' })],
    pods: [pod('batch', { spec: podTerm('podAntiAffinity', { app: 'web', by: zoneLabel }) })],
    expected: { code: 'pod-anti-affinity', plugin: 'InterPodAffinity', unblock: zoneLabel },
  },
  {
    name: 'pods on every node do not want it near',
    nodes: three,
    placed: fill(three, { labels: { app: 'db' }, spec: podTerm('podAntiAffinity', { app: 'web' }) }),
    pods: [pod('web', web)],
    expected: { code: 'existing-pod-anti-affinity', plugin: 'InterPodAffinity', unblock: 'remove pod shop/on-n' },
  },
  {
    name: 'two workloads that refuse each other',
    nodes: [node('n1')],
    placed: [pod('a', { on: 'n1', labels: { app: 'a' }, spec: podTerm('podAntiAffinity', { app: 'b' }) })],
    pods: [pod('b', { labels: { app: 'b' } })],
    expected: { code: 'existing-pod-anti-affinity', plugin: 'InterPodAffinity', unblock: 'shop/a' },
  },
  {
    name: 'the pod that it wants near is nowhere',
    nodes: three,
    pods: [pod('web', { ...web, spec: podTerm('podAffinity', { app: 'cache' }) })],
    expected: { code: 'pod-affinity', plugin: 'InterPodAffinity', unblock: 'app=cache' },
  },
  {
    name: 'the pod that it wants near is in another namespace',
    nodes: three,
    placed: [pod('cache', { on: 'n1', namespace: 'infra', labels: { app: 'cache' } })],
    pods: [pod('web', { ...web, spec: podTerm('podAffinity', { app: 'cache' }) })],
    expected: { code: 'pod-affinity', plugin: 'InterPodAffinity' },
  },
  {
    name: 'no node has the label by which pods are to be near',
    nodes: three,
    placed: [pod('cache', { on: 'n1', labels: { app: 'cache' } })],
    pods: [pod('web', { ...web, spec: podTerm('podAffinity', { app: 'cache', by: 'example.com/rack' }) })],
    expected: { code: 'pod-affinity', plugin: 'InterPodAffinity', unblock: 'example.com/rack' },
  },
  {
    name: 'the node of the pod that it wants near is full',
    nodes: three,
    placed: [pod('cache', { on: 'n1', cpu: '4', labels: { app: 'cache' } })],
    pods: [pod('web', { ...web, spec: podTerm('podAffinity', { app: 'cache' }) })],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit', unblock: 'node n1' },
  },
  {
    name: 'there are fewer zones than are asked for',
    nodes: zones,
    placed: [pod('w1', { ...web, on: 'n1' }), pod('w2', { ...web, on: 'n3' })],
    pods: [pod('web', { ...web, spec: spread({ app: 'web', more: { minDomains: 3 } }) })],
    expected: { code: 'topology-spread', plugin: 'PodTopologySpread' },
  },
  {
    name: 'no node has the label by which pods are spread',
    nodes: three,
    pods: [pod('web', { ...web, spec: spread({ app: 'web', by: 'example.com/rack' }) })],
    expected: { code: 'topology-spread-label', plugin: 'PodTopologySpread', unblock: 'example.com/rack' },
  },
  {
    name: 'a zone whose nodes keep the pod away counts as empty',
    nodes: nodes(3, (at) => ({ zone: `z${at}`, taints: at === 3 ? ['dedicated=batch:NoSchedule'] : [] })),
    placed: [pod('w1', { ...web, on: 'n1' }), pod('w2', { ...web, on: 'n2' })],
    pods: [pod('web', { ...web, spec: spread({ app: 'web' }) })],
    expected: { code: 'topology-spread', plugin: 'PodTopologySpread' },
  },
  {
    name: 'pods are to be even over nodes, and the node with the fewest is full',
    nodes: three,
    placed: [pod('w1', { ...web, on: 'n1' }), pod('w2', { ...web, on: 'n2' }), pod('big', { on: 'n3', cpu: '4' })],
    pods: [pod('web', { ...web, spec: spread({ app: 'web', by: hostname }) })],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit', unblock: 'node n3' },
  },
];

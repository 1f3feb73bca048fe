import { claim, fill, node, nodes, notReady, pod, podTerm, volume, type Fault } from './fault.ts';

const masterTaint = 'node-role.kubernetes.io/control-plane:NoSchedule';
const gpu = 'example.com/gpu';
const full = { cpu: '4' };

/** Several refusals at once: one of them is what matters. */
export const mixedFaults: readonly Fault[] = [
  {
    name: 'workers are full, and the control plane keeps pods away',
    nodes: [node('m1', { taints: [masterTaint] }), ...nodes(3)],
    placed: fill(nodes(3), full),
    pods: [pod('web')],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit' },
  },
  {
    name: 'nodes with devices are tainted, the others have none',
    nodes: [
      ...nodes(5),
      ...[1, 2, 3].map((at) => node(`g${at}`, { more: { [gpu]: '4' }, taints: ['dedicated=gpu:NoSchedule'] })),
    ],
    pods: [pod('train', { more: { [gpu]: '1' } })],
    expected: { code: 'untolerated-taint', plugin: 'TaintToleration', text: 'dedicated: gpu' },
  },
  {
    name: 'the one node with the label is not ready',
    nodes: nodes(5, (at) => (at === 3 ? { labels: { disk: 'ssd' }, taints: [notReady] } : {})),
    pods: [pod('db', { spec: { nodeSelector: { disk: 'ssd' } } })],
    expected: { code: 'untolerated-taint', plugin: 'TaintToleration', text: 'not-ready', unblock: 'node n3' },
  },
  {
    name: 'no node has the label, and the control plane is tainted besides',
    nodes: [node('m1', { taints: [masterTaint] }), ...nodes(4)],
    pods: [pod('db', { spec: { nodeSelector: { disk: 'sdd' } } })],
    expected: { code: 'node-affinity', plugin: 'NodeAffinity' },
  },
  {
    name: 'most nodes are cordoned, the last one is full',
    nodes: nodes(5, (at) => ({ cordoned: at <= 4 })),
    placed: [pod('big', { ...full, on: 'n5' })],
    pods: [pod('web')],
    expected: { code: 'node-unschedulable', plugin: 'NodeUnschedulable' },
  },
  {
    name: 'one node is cordoned, the others are full',
    nodes: nodes(5, (at) => ({ cordoned: at === 1 })),
    placed: fill(nodes(5).slice(1), full),
    pods: [pod('web')],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit' },
  },
  {
    name: 'nodes with the label are full, the others lack it',
    nodes: nodes(8, (at) => (at <= 2 ? { labels: { disk: 'ssd' } } : {})),
    placed: fill(nodes(2), full),
    pods: [pod('db', { spec: { nodeSelector: { disk: 'ssd' } } })],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit', unblock: 'one of 2 nodes' },
  },
  {
    name: 'the only node without a pod of the workload is full',
    nodes: nodes(3),
    placed: [
      pod('w1', { on: 'n1', labels: { app: 'web' } }),
      pod('w2', { on: 'n2', labels: { app: 'web' } }),
      pod('big', { ...full, on: 'n3' }),
    ],
    pods: [pod('web', { labels: { app: 'web' }, spec: podTerm('podAntiAffinity', { app: 'web' }) })],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit', unblock: 'node n3' },
  },
  {
    name: 'pods of the workload are on every worker, the control plane is tainted',
    nodes: [node('m1', { taints: [masterTaint] }), ...nodes(3)],
    placed: fill(nodes(3), { labels: { app: 'web' }, spec: podTerm('podAntiAffinity', { app: 'web' }) }),
    pods: [pod('web', { labels: { app: 'web' }, spec: podTerm('podAntiAffinity', { app: 'web' }) })],
    expected: { code: 'pod-anti-affinity', plugin: 'InterPodAffinity' },
  },
  {
    name: 'a label that no node has, and more than any node has',
    nodes: nodes(3),
    pods: [pod('db', { cpu: '64', spec: { nodeSelector: { disk: 'ssd' } } })],
    expected: { code: 'node-affinity', plugin: 'NodeAffinity' },
  },
  {
    name: 'the one large node is kept for others',
    nodes: [...nodes(5), node('large', { memory: '128Gi', taints: ['dedicated=db:NoSchedule'] })],
    pods: [pod('db', { memory: '64Gi' })],
    expected: { code: 'untolerated-taint', plugin: 'TaintToleration', text: 'dedicated: db' },
  },
  {
    name: 'the one large node is full, the others are too small',
    nodes: [...nodes(5), node('large', { memory: '128Gi' })],
    placed: [pod('other', { on: 'large', memory: '100Gi' })],
    pods: [pod('db', { memory: '64Gi' })],
    expected: { code: 'insufficient-memory', plugin: 'NodeResourcesFit', unblock: 'node large' },
  },
  {
    name: 'the port is taken where it is healthy',
    nodes: nodes(3, (at) => (at === 3 ? { taints: [notReady] } : {})),
    placed: fill(nodes(2), { hostPort: 443 }),
    pods: [pod('proxy', { hostPort: 443 })],
    expected: { code: 'host-port-taken', plugin: 'NodePorts' },
  },
  {
    name: 'the zone of the volume is cordoned',
    nodes: nodes(4, (at) => ({ zone: at <= 2 ? 'a' : 'b', cordoned: at <= 2 })),
    pods: [pod('db', { claims: ['data'] })],
    objects: { claims: [claim('data', { volume: 'v' })], volumes: [volume('v', { zone: 'a' })] },
    expected: { code: 'node-unschedulable', plugin: 'NodeUnschedulable' },
  },
  {
    name: 'a claim that does not exist, and nodes that are full',
    nodes: nodes(2),
    placed: fill(nodes(2), full),
    pods: [pod('db', { claims: ['data'] })],
    expected: { code: 'claim-missing' },
  },
  {
    name: 'two taints on the same nodes, one tolerated',
    nodes: nodes(3, { taints: ['a=1:NoSchedule', 'b=2:NoSchedule'] }),
    pods: [pod('web', { spec: { tolerations: [{ key: 'a', operator: 'Exists' }] } })],
    expected: { code: 'untolerated-taint', plugin: 'TaintToleration', text: 'b: 2' },
  },
  {
    name: 'full nodes have a pod of the workload as well, the node with room has one too',
    nodes: nodes(3),
    placed: [
      ...fill(nodes(3), { labels: { app: 'web' } }),
      pod('big1', { on: 'n1', cpu: '3900m' }),
      pod('big2', { on: 'n2', cpu: '3900m' }),
    ],
    pods: [pod('web', { labels: { app: 'web' }, spec: podTerm('podAntiAffinity', { app: 'web' }) })],
    expected: { code: 'pod-anti-affinity', plugin: 'InterPodAffinity' },
  },
  {
    name: 'nodes of another zone are full, the one where the volume is is cordoned',
    nodes: nodes(3, (at) => ({ zone: at === 1 ? 'a' : 'b', cordoned: at === 1 })),
    placed: fill(nodes(3).slice(1), full),
    pods: [pod('db', { claims: ['data'] })],
    objects: { claims: [claim('data', { volume: 'v' })], volumes: [volume('v', { zone: 'a' })] },
    expected: { code: 'node-unschedulable', plugin: 'NodeUnschedulable', unblock: 'node n1' },
  },
  {
    name: 'cordoned nodes lack the label anyway, the one that has it is full',
    nodes: nodes(4, (at) => (at === 1 ? { labels: { disk: 'ssd' } } : { cordoned: true })),
    placed: [pod('big', { ...full, on: 'n1' })],
    pods: [pod('db', { spec: { nodeSelector: { disk: 'ssd' } } })],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit', unblock: 'node n1' },
  },
  {
    name: 'nodes that are not ready are too small anyway, the large one is full',
    nodes: [...nodes(3, { taints: [notReady] }), node('large', { memory: '128Gi' })],
    placed: [pod('other', { on: 'large', memory: '100Gi' })],
    pods: [pod('db', { memory: '64Gi' })],
    expected: { code: 'insufficient-memory', plugin: 'NodeResourcesFit', unblock: 'node large' },
  },
  {
    name: 'tainted nodes have the port taken anyway, the others lack the label',
    nodes: [...nodes(2, { taints: ['team=a:NoSchedule'] }), node('n3')],
    placed: [...fill(nodes(2), { hostPort: 443 })],
    pods: [pod('proxy', { hostPort: 443, spec: { nodeSelector: { edge: 'yes' } } })],
    expected: { code: 'node-affinity', plugin: 'NodeAffinity' },
  },
  {
    name: 'cpu and memory are both short everywhere, memory more so, and the control plane is tainted and small',
    nodes: [node('m1', { cpu: '1', memory: '1Gi', taints: [masterTaint] }), ...nodes(2)],
    placed: fill(nodes(2), { cpu: '3500m', memory: '7Gi' }),
    pods: [pod('db', { cpu: '1', memory: '4Gi' })],
    expected: { code: 'insufficient-memory', plugin: 'NodeResourcesFit' },
  },
  {
    name: 'every node is kept for somebody, some are cordoned besides',
    nodes: nodes(100, (at) => ({ taints: [`tenant=t${at}:NoSchedule`], cordoned: at > 90 })),
    pods: [pod('web')],
    expected: { code: 'untolerated-taint', plugin: 'TaintToleration' },
  },
];

import { fill, node, nodes, nodeTerm, notReady, pod, type Fault } from './fault.ts';

const three = nodes(3);
const byName = (...values: string[]) => ({ fields: [{ key: 'metadata.name', operator: 'In', values }] });

/** Faults of taints, labels, names and ports of nodes. */
export const nodeFaults: readonly Fault[] = [
  {
    name: 'a taint that the pod does not tolerate',
    nodes: nodes(3, { taints: ['dedicated=gpu:NoSchedule'] }),
    pods: [pod('web')],
    expected: {
      code: 'untolerated-taint',
      plugin: 'TaintToleration',
      text: 'dedicated: gpu',
      unblock: 'tolerate dedicated=gpu:NoSchedule',
    },
  },
  {
    name: 'a toleration with another value',
    nodes: nodes(3, { taints: ['dedicated=gpu:NoSchedule'] }),
    pods: [
      pod('web', {
        spec: { tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'gpus', effect: 'NoSchedule' }] },
      }),
    ],
    expected: { code: 'untolerated-taint', plugin: 'TaintToleration', text: 'dedicated: gpu' },
  },
  {
    name: 'a toleration for another effect',
    nodes: nodes(2, { taints: ['maintenance:NoExecute'] }),
    pods: [pod('web', { spec: { tolerations: [{ key: 'maintenance', operator: 'Exists', effect: 'NoSchedule' }] } })],
    expected: { code: 'untolerated-taint', plugin: 'TaintToleration', text: 'maintenance', unblock: 'NoExecute' },
  },
  {
    name: 'every node is cordoned',
    nodes: nodes(3, { cordoned: true }),
    pods: [pod('web')],
    expected: { code: 'node-unschedulable', plugin: 'NodeUnschedulable', unblock: 'uncordon' },
  },
  {
    name: 'no node is ready',
    nodes: nodes(2, { taints: [notReady] }),
    pods: [pod('web')],
    expected: { code: 'untolerated-taint', plugin: 'TaintToleration', text: 'not-ready', unblock: 'bring it back' },
  },
  {
    name: 'the disks of all nodes are full',
    nodes: nodes(2, { taints: ['node.kubernetes.io/disk-pressure:NoSchedule'] }),
    pods: [pod('web')],
    expected: { code: 'untolerated-taint', plugin: 'TaintToleration', text: 'disk-pressure', unblock: 'disk is full' },
  },
  {
    name: 'a node selector with a slip of the pen',
    nodes: nodes(3, { labels: { disk: 'ssd' } }),
    pods: [pod('db', { spec: { nodeSelector: { disk: 'sdd' } } })],
    expected: { code: 'node-affinity', plugin: 'NodeAffinity', unblock: 'disk=sdd' },
  },
  {
    name: 'a zone that no node is in',
    nodes: nodes(3, { zone: 'a' }),
    pods: [
      pod('db', {
        spec: nodeTerm({ labels: [{ key: 'topology.kubernetes.io/zone', operator: 'In', values: ['d'] }] }),
      }),
    ],
    expected: { code: 'node-affinity', plugin: 'NodeAffinity' },
  },
  {
    name: 'a number that no label exceeds',
    nodes: nodes(2, { labels: { generation: '5' } }),
    pods: [pod('web', { spec: nodeTerm({ labels: [{ key: 'generation', operator: 'Gt', values: ['5'] }] }) })],
    expected: { code: 'node-affinity', plugin: 'NodeAffinity' },
  },
  {
    name: 'conditions that contradict each other',
    nodes: nodes(2, { labels: { disk: 'ssd' } }),
    pods: [
      pod('db', {
        spec: nodeTerm({
          labels: [
            { key: 'disk', operator: 'In', values: ['ssd'] },
            { key: 'disk', operator: 'DoesNotExist' },
          ],
        }),
      }),
    ],
    expected: { code: 'node-affinity', plugin: 'NodeAffinity' },
  },
  {
    name: 'the one node of a daemon is full',
    nodes: three,
    placed: [pod('big', { on: 'n2', cpu: '4' })],
    pods: [pod('daemon', { spec: nodeTerm(byName('n2')) })],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit', unblock: 'node n2' },
  },
  {
    name: 'the one node of a daemon is gone',
    nodes: three,
    pods: [pod('daemon', { spec: nodeTerm(byName('n9')) })],
    expected: { code: 'pre-filter', plugin: 'NodeAffinity' },
  },
  {
    name: 'the host port is taken on every node',
    nodes: three,
    placed: fill(three, { hostPort: 8080 }),
    pods: [pod('proxy', { hostPort: 8080 })],
    expected: { code: 'host-port-taken', plugin: 'NodePorts', unblock: '8080/TCP' },
  },
  {
    name: 'a port of one address collides with one of all addresses',
    nodes: [node('n1')],
    placed: [pod('other', { on: 'n1', hostPort: 53 })],
    pods: [
      pod('dns', {
        spec: {
          containers: [{ name: 'main', image: 'x', ports: [{ containerPort: 53, hostPort: 53, hostIP: '10.0.0.1' }] }],
        },
      }),
    ],
    expected: { code: 'host-port-taken', plugin: 'NodePorts', unblock: 'node n1' },
  },
];

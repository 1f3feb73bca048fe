import { fill, node, nodes, pod, type Fault } from './fault.ts';

const three = nodes(3);
const gpu = 'example.com/gpu';

/** Faults of resources of nodes. */
export const resourceFaults: readonly Fault[] = [
  {
    name: 'cpu is short on every node',
    nodes: three,
    placed: fill(three, { cpu: '3500m' }),
    pods: [pod('web', { cpu: '1' })],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit', unblock: 'free 500m cpu on one of 3 nodes' },
  },
  {
    name: 'memory is short on every node',
    nodes: three,
    placed: fill(three, { memory: '7Gi' }),
    pods: [pod('web', { memory: '2Gi' })],
    expected: { code: 'insufficient-memory', plugin: 'NodeResourcesFit', unblock: '1Gi memory' },
  },
  {
    name: 'no node is large enough',
    nodes: three,
    pods: [pod('web', { cpu: '64' })],
    expected: { code: 'oversized-cpu', plugin: 'NodeResourcesFit', unblock: 'at most 4 cpu' },
  },
  {
    name: 'every node has as many pods as it may have',
    nodes: nodes(2, { pods: '1' }),
    placed: fill(nodes(2), {}),
    pods: [pod('web')],
    expected: { code: 'too-many-pods', plugin: 'NodeResourcesFit', text: 'Too many pods', unblock: 'remove a pod' },
  },
  {
    name: 'ephemeral storage is short',
    nodes: nodes(2, { more: { 'ephemeral-storage': '10Gi' } }),
    placed: fill(nodes(2), { more: { 'ephemeral-storage': '9Gi' } }),
    pods: [pod('web', { more: { 'ephemeral-storage': '2Gi' } })],
    expected: { code: 'insufficient-ephemeral-storage', plugin: 'NodeResourcesFit' },
  },
  {
    name: 'no node has such a device',
    nodes: three,
    pods: [pod('train', { more: { [gpu]: '1' } })],
    expected: { code: `oversized-${gpu}`, plugin: 'NodeResourcesFit', unblock: `add a node with 1 ${gpu}` },
  },
  {
    name: 'all devices are taken',
    nodes: [node('n1', { more: { [gpu]: '2' } }), node('n2')],
    placed: [pod('other', { on: 'n1', more: { [gpu]: '2' } })],
    pods: [pod('train', { more: { [gpu]: '1' } })],
    expected: { code: `insufficient-${gpu}`, plugin: 'NodeResourcesFit', unblock: `free 1 ${gpu} on node n1` },
  },
  {
    name: 'an init container asks for more than the containers',
    nodes: three,
    placed: fill(three, { memory: '6Gi' }),
    pods: [
      pod('web', {
        spec: { initContainers: [{ name: 'warm', image: 'x', resources: { requests: { memory: '3Gi' } } }] },
      }),
    ],
    expected: { code: 'insufficient-memory', plugin: 'NodeResourcesFit' },
  },
  {
    name: 'the overhead of the runtime is too much',
    nodes: three,
    placed: fill(three, { cpu: '3500m' }),
    pods: [pod('web', { cpu: '400m', spec: { overhead: { cpu: '250m' } } })],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit', unblock: 'free 150m cpu' },
  },
  {
    name: 'cpu lacks a little, memory lacks most of it',
    nodes: three,
    placed: fill(three, { cpu: '3100m', memory: '7Gi' }),
    pods: [pod('web', { cpu: '1', memory: '6Gi' })],
    expected: { code: 'insufficient-memory', plugin: 'NodeResourcesFit' },
  },
  {
    name: 'a limit without a request counts as one',
    nodes: three,
    placed: fill(three, { cpu: '3' }),
    pods: [pod('web', { spec: { containers: [{ name: 'main', image: 'x', resources: { limits: { cpu: '2' } } }] } })],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit', unblock: 'free 1 cpu' },
  },
  {
    name: 'huge pages are not set up',
    nodes: three,
    pods: [pod('db', { more: { 'hugepages-2Mi': '64Mi' } })],
    expected: { code: 'oversized-hugepages-2Mi', plugin: 'NodeResourcesFit' },
  },
];

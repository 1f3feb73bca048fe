import { fill, node, nodes, pod, type Fault } from './fault.ts';

const three = nodes(3);

function member(name: string, cpu: string, minMember: number) {
  return pod(name, {
    cpu,
    labels: { 'scheduling.timonel.dev/pod-group': 'train' },
    annotations: { 'scheduling.timonel.dev/min-member': String(minMember) },
  });
}

/** Faults that have nothing to do with single nodes: gates, schedulers, groups, priorities, what comes after a decision. */
export const queueFaults: readonly Fault[] = [
  {
    name: 'a scheduling gate',
    nodes: three,
    pods: [pod('web', { spec: { schedulingGates: [{ name: 'example.com/quota' }] } })],
    expected: {
      code: 'scheduling-gates',
      plugin: 'SchedulingGates',
      text: 'example.com/quota',
      unblock: 'example.com/quota',
    },
  },
  {
    name: 'a scheduler that nobody runs',
    nodes: three,
    pods: [pod('web', { spec: { schedulerName: 'my-schduler' } })],
    expected: { code: 'other-scheduler', text: 'my-schduler', unblock: 'default-scheduler' },
  },
  {
    name: 'a scheduler outside that has not come round to it',
    nodes: three,
    pods: [pod('web', { spec: { schedulerName: 'batch-scheduler' } })],
    expected: { code: 'external-scheduler', text: 'ask the batch team', unblock: 'batch-scheduler' },
  },
  {
    name: 'no scheduler is in charge',
    nodes: three,
    pods: [pod('web')],
    circumstance: 'no-scheduler',
    expected: { code: 'no-scheduler', unblock: 'scheduler-default' },
  },
  {
    name: 'a gate, and a scheduler that nobody runs',
    nodes: three,
    pods: [pod('web', { spec: { schedulingGates: [{ name: 'example.com/a' }], schedulerName: 'nobody' } })],
    expected: { code: 'scheduling-gates' },
  },
  {
    name: 'members of the group are missing',
    nodes: three,
    pods: [member('t1', '1', 3), member('t2', '1', 3)],
    expected: { code: 'pod-group-incomplete', text: '2 of 3', unblock: 'shop/train' },
  },
  {
    name: 'there is room for some members of the group only',
    nodes: nodes(2),
    pods: [member('t1', '3', 3), member('t2', '3', 3), member('t3', '3', 3)],
    expected: { code: 'pod-group-too-large', text: '2 of 3' },
  },
  {
    name: 'victims are on their way out',
    nodes: [node('n1')],
    placed: [pod('old', { on: 'n1', cpu: '4', spec: { priority: 1 } })],
    pods: [pod('web', { cpu: '2', spec: { priority: 100 } })],
    circumstance: 'preempting',
    expected: { code: 'waiting-for-victims', plugin: 'DefaultPreemption', text: 'shop/old has left node n1' },
  },
  {
    name: 'a pod that must not preempt',
    nodes: [node('n1')],
    placed: [pod('old', { on: 'n1', cpu: '4', spec: { priority: 1 } })],
    pods: [pod('web', { cpu: '2', spec: { priority: 100, preemptionPolicy: 'Never' } })],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit' },
  },
  {
    name: 'everybody on the node has more priority',
    nodes: [node('n1')],
    placed: [pod('old', { on: 'n1', cpu: '4', spec: { priority: 1000 } })],
    pods: [pod('web', { cpu: '2', spec: { priority: 100 } })],
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit' },
  },
  { name: 'there are no nodes', nodes: [], pods: [pod('web')], expected: { code: 'no-nodes', unblock: 'join a node' } },
  {
    name: 'room has come, and the next try has not',
    nodes: three,
    placed: fill(three, { cpu: '4' }),
    pods: [pod('web')],
    circumstance: 'room-comes',
    expected: { code: 'retry', text: '1 node could take it' },
  },
  {
    name: 'a plugin of the scheduler throws',
    nodes: three,
    pods: [pod('web')],
    circumstance: 'throwing-plugin',
    expected: { code: 'scheduler-fault', plugin: 'Broken', text: 'out of order' },
  },
  {
    name: 'a plugin of the scheduler says no after all',
    nodes: three,
    pods: [pod('web')],
    circumstance: 'refused',
    expected: { code: 'refused', plugin: 'Doorman', text: 'not today' },
  },
  {
    name: 'the binding cannot be written',
    nodes: three,
    pods: [pod('web')],
    circumstance: 'binding-fails',
    expected: { code: 'binding-failed', text: 'the store is full' },
  },
  {
    name: 'a finalizer holds a pod that is deleted',
    nodes: three,
    pods: [pod('web', { deleted: true })],
    expected: { code: 'terminating', unblock: 'example.com/guard' },
  },
];

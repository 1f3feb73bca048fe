import { claim, node, nodes, object, pod, volume, waitingClass, type Fault } from './fault.ts';

const zones = nodes(4, (at) => ({ zone: at <= 2 ? 'a' : 'b' }));
const db = pod('db', { claims: ['data'] });
const driver = 'csi.example.com';

function csiNode(name: string, count: number) {
  return object(name, { spec: { drivers: [{ name: driver, nodeID: name, allocatable: { count } }] } });
}

/** Faults of claims and volumes. */
export const volumeFaults: readonly Fault[] = [
  {
    name: 'the claim does not exist',
    nodes: zones,
    pods: [db],
    expected: { code: 'claim-missing', text: 'persistentvolumeclaim "data" not found', unblock: 'create the claim' },
  },
  {
    name: 'the claim is not bound, and is not to wait for the pod',
    nodes: zones,
    pods: [db],
    objects: {
      claims: [claim('data', { storageClass: 'now' })],
      storageClasses: [object('now', { provisioner: 'x', volumeBindingMode: 'Immediate' })],
    },
    expected: { code: 'claim-unbound', plugin: 'VolumeBinding', text: 'unbound immediate' },
  },
  {
    name: 'no volume of the class is left',
    nodes: zones,
    pods: [db],
    objects: { claims: [claim('data', { storageClass: 'late' })], storageClasses: [waitingClass] },
    expected: { code: 'no-volume-to-bind', plugin: 'VolumeBinding', unblock: 'data' },
  },
  {
    name: 'the zone of the volume has no room',
    nodes: zones,
    placed: [pod('a', { on: 'n1', cpu: '4' }), pod('b', { on: 'n2', cpu: '4' })],
    pods: [db],
    objects: { claims: [claim('data', { volume: 'v' })], volumes: [volume('v', { zone: 'a' })] },
    expected: { code: 'insufficient-cpu', plugin: 'NodeResourcesFit' },
  },
  {
    name: 'the node of the volume is gone',
    nodes: zones,
    pods: [db],
    objects: { claims: [claim('data', { volume: 'v' })], volumes: [volume('v', { host: 'n9' })] },
    expected: { code: 'volume-node-affinity', plugin: 'VolumeBinding', unblock: 'volume v' },
  },
  {
    name: 'the label of the volume names another zone',
    nodes: zones,
    pods: [db],
    objects: { claims: [claim('data', { volume: 'v' })], volumes: [volume('v', { zoneLabel: 'c' })] },
    expected: { code: 'volume-zone', plugin: 'VolumeZone' },
  },
  {
    name: 'another pod has the claim for itself',
    nodes: [node('n1')],
    placed: [pod('other', { on: 'n1', claims: ['data'] })],
    pods: [db],
    objects: { claims: [claim('data', { volume: 'v', modes: ['ReadWriteOncePod'] })], volumes: [volume('v')] },
    expected: { code: 'read-write-once-pod-conflict', plugin: 'VolumeRestrictions' },
  },
  {
    name: 'no more volumes can be attached',
    nodes: [node('n1'), node('n2')],
    placed: [pod('p1', { on: 'n1', claims: ['one'] }), pod('p2', { on: 'n2', claims: ['two'] })],
    pods: [db],
    objects: {
      claims: ['data', 'one', 'two'].map((name) => claim(name, { volume: `v-${name}` })),
      volumes: ['data', 'one', 'two'].map((name) => volume(`v-${name}`, { driver })),
      csiNodes: [csiNode('n1', 1), csiNode('n2', 1)],
    },
    expected: { code: 'volume-limit', plugin: 'NodeVolumeLimits' },
  },
  {
    name: 'the volume of the claim is lost',
    nodes: zones,
    pods: [db],
    objects: { claims: [claim('data', { volume: 'v', phase: 'Lost' })] },
    expected: { code: 'claim-lost', plugin: 'VolumeBinding', text: 'non-existent' },
  },
];

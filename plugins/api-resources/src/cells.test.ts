import { describe, expect, it } from '@jest/globals';
import { kindOf, kinds } from './testing/kinds-under-test.ts';

const now = Date.parse('2026-01-01T01:00:00Z');
const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString().replace('.000', '');

/** A row by column name, as `kubectl get -o wide` shows it. */
function row(resource: string, object: object): Record<string, unknown> {
  const kind = kindOf(resource);
  const metadata = { name: 'x', creationTimestamp: ago(300), ...(object as { metadata?: object }).metadata };
  const cells = kind.strategy.cells?.({ ...object, metadata }, { now }) ?? [];
  return Object.fromEntries(kind.columns.map((column, index) => [column.name, cells[index]]));
}

/** Names of the columns that are always shown, and those of `-o wide`. */
function header(resource: string): [string, string] {
  const columns = kinds.find((one) => one.resource === resource)?.columns ?? [];
  const names = (priority: number): string =>
    columns
      .filter((column) => column.priority === priority)
      .map((column) => column.name.toUpperCase())
      .join(' ');
  return [names(0), names(1)];
}

describe('headers', () => {
  it.each([
    ['pods', 'NAME READY STATUS RESTARTS AGE', 'IP NODE NOMINATED NODE READINESS GATES'],
    ['deployments', 'NAME READY UP-TO-DATE AVAILABLE AGE', 'CONTAINERS IMAGES SELECTOR'],
    ['replicasets', 'NAME DESIRED CURRENT READY AGE', 'CONTAINERS IMAGES SELECTOR'],
    ['services', 'NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE', 'SELECTOR'],
    ['nodes', 'NAME STATUS ROLES AGE VERSION', 'INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME'],
    ['namespaces', 'NAME STATUS AGE', ''],
    ['configmaps', 'NAME DATA AGE', ''],
    ['secrets', 'NAME TYPE DATA AGE', ''],
    ['serviceaccounts', 'NAME SECRETS AGE', ''],
    ['endpoints', 'NAME ENDPOINTS AGE', ''],
    ['endpointslices', 'NAME ADDRESSTYPE PORTS ENDPOINTS AGE', ''],
    ['events', 'LAST SEEN TYPE REASON OBJECT MESSAGE', 'SUBOBJECT SOURCE FIRST SEEN COUNT NAME'],
    ['leases', 'NAME HOLDER AGE', ''],
  ])('%s', (resource, always, wide) => {
    expect(header(resource)).toEqual([always, wide]);
  });
});

describe('other kinds', () => {
  const template = {
    spec: {
      containers: [
        { name: 'a', image: 'x:1' },
        { name: 'b', image: 'y:2' },
      ],
    },
  };
  const selector = {
    matchLabels: { b: '2', a: '1' },
    matchExpressions: [
      { key: 'c', operator: 'In', values: ['x', 'y'] },
      { key: 'd', operator: 'DoesNotExist' },
    ],
  };
  const readyNode = {
    conditions: [{ type: 'Ready', status: 'True' }],
    nodeInfo: { kubeletVersion: 'v1.35.0' },
    addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
  };

  it.each<[string, string, object, Record<string, unknown>]>([
    [
      'deployments',
      'half way',
      {
        spec: { replicas: 3, selector, template },
        status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 },
      },
      {
        Ready: '1/3',
        'Up-to-date': 2,
        Available: 1,
        Containers: 'a,b',
        Images: 'x:1,y:2',
        Selector: 'a=1,b=2,c in (x,y),!d',
      },
    ],
    [
      'replicasets',
      'empty',
      { spec: { replicas: 2, selector: {}, template }, status: { replicas: 1 } },
      { Desired: 2, Current: 1, Ready: 0, Selector: '<none>' },
    ],
    [
      'services',
      'cluster IP',
      {
        spec: {
          type: 'ClusterIP',
          clusterIP: '10.0.0.1',
          ports: [
            { port: 80, protocol: 'TCP' },
            { port: 53, protocol: 'UDP' },
          ],
          selector: { b: '2', a: '1' },
        },
      },
      { 'Cluster-IP': '10.0.0.1', 'External-IP': '<none>', 'Port(s)': '80/TCP,53/UDP', Selector: 'a=1,b=2' },
    ],
    [
      'services',
      'load balancer',
      { spec: { type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30_000, protocol: 'TCP' }] } },
      { 'External-IP': '<pending>', 'Port(s)': '80:30000/TCP' },
    ],
    [
      'services',
      'external name',
      { spec: { type: 'ExternalName', externalName: 'db.example.com' } },
      { 'Cluster-IP': '<none>', 'External-IP': 'db.example.com', 'Port(s)': '<none>', Selector: '<none>' },
    ],
    [
      'nodes',
      'ready',
      { metadata: { labels: { 'node-role.kubernetes.io/control-plane': '' } }, status: readyNode },
      {
        Status: 'Ready',
        Roles: 'control-plane',
        Version: 'v1.35.0',
        'Internal-IP': '10.0.0.1',
        'External-IP': '<none>',
        'OS-Image': '<unknown>',
      },
    ],
    [
      'nodes',
      'cordoned',
      { spec: { unschedulable: true }, status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } },
      { Status: 'NotReady,SchedulingDisabled', Roles: '<none>' },
    ],
    ['nodes', 'silent', {}, { Status: 'Unknown' }],
    ['namespaces', 'active', { status: { phase: 'Active' } }, { Status: 'Active', Age: '5m' }],
    ['configmaps', 'keys', { data: { a: '', b: '' }, binaryData: { c: '' } }, { Data: '3' }],
    ['secrets', 'keys', { type: 'Opaque', data: { a: '' } }, { Type: 'Opaque', Data: '1' }],
    [
      'endpoints',
      'many',
      { subsets: [{ addresses: [{ ip: '1.1.1.1' }, { ip: '1.1.1.2' }], ports: [{ port: 80 }, { port: 81 }] }] },
      { Endpoints: '1.1.1.1:80,1.1.1.2:80,1.1.1.1:81 + 1 more...' },
    ],
    ['endpoints', 'none', {}, { Endpoints: '<none>' }],
    [
      'endpointslices',
      'many',
      {
        addressType: 'IPv4',
        ports: [{ port: 80 }, {}],
        endpoints: ['1', '2', '3', '4'].map((ip) => ({ addresses: [ip] })),
      },
      { Ports: '80,*', Endpoints: '1,2,3 + 1 more...' },
    ],
    ['endpointslices', 'none', { addressType: 'IPv4' }, { Ports: '<unset>', Endpoints: '<unset>' }],
    ['leases', 'held', { spec: { holderIdentity: 'me' } }, { Holder: 'me' }],
    [
      'events',
      'repeated',
      {
        type: 'Warning',
        reason: 'BackOff',
        message: ' m ',
        count: 4,
        firstTimestamp: ago(600),
        lastTimestamp: ago(5),
        involvedObject: { kind: 'Pod', name: 'a' },
        source: { component: 'kubelet', host: 'n' },
      },
      { 'Last Seen': '5s', 'First Seen': '10m', Object: 'pod/a', Message: 'm', Source: 'kubelet, n', Count: 4 },
    ],
    [
      'events',
      'new form',
      { eventTime: ago(7).replace('Z', '.500000Z'), involvedObject: { kind: 'Node' }, reportingComponent: 'c' },
      { 'Last Seen': '6s', Object: 'node', Source: 'c', Count: 1 },
    ],
  ])('%s: %s', (resource, _name, object, cells) => {
    expect(row(resource, object)).toMatchObject(cells);
  });
});

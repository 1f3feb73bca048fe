import { describe, expect, it } from '@jest/globals';
import type { KubeObject, PersistentVolumeClaim, Pod, Quantities, ResourceQuota, Service } from '../kube/index.ts';
import { typesCountedBy } from './counted-types.ts';
import { evaluatorOf, podOverdueAtMs } from './evaluators.ts';
import { inScope, namesOf } from './quota.ts';
import { quantitiesOf } from './usage.ts';

const nowMs = Date.parse('2026-01-01T00:00:00Z');
const kinds = {
  pods: { group: '', resource: 'pods' },
  services: { group: '', resource: 'services' },
  claims: { group: '', resource: 'persistentvolumeclaims' },
} as const;
const usage = (kind: { group: string; resource: string }, object: unknown): Quantities =>
  quantitiesOf(evaluatorOf(kind).usage(object as KubeObject, nowMs));

type Resources = { requests?: Quantities; limits?: Quantities };
const box = (resources: Resources, more: object = {}): Pod['spec']['containers'][0] => ({
  name: 'a',
  resources,
  ...more,
});
const pod = (spec: Partial<Pod['spec']>, more: Partial<Pod> = {}): Pod => ({
  metadata: { name: 'web' },
  spec: { containers: [], ...spec },
  ...more,
});
const cpu = (requests: string, limits?: string): Resources => ({
  requests: { cpu: requests },
  ...(limits === undefined ? {} : { limits: { cpu: limits } }),
});

describe('pods', () => {
  it('count for what they ask for by all names', () => {
    const resources = {
      requests: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '2Gi', 'hugepages-2Mi': '4Mi', 'example.com/gpu': '2' },
      limits: { cpu: '2', 'example.com/gpu': '2' },
    };
    expect(usage(kinds.pods, pod({ containers: [box(resources)] }))).toEqual({
      pods: '1',
      'count/pods': '1',
      cpu: '1',
      memory: '1Gi',
      'ephemeral-storage': '2Gi',
      'hugepages-2Mi': '4Mi',
      'requests.cpu': '1',
      'requests.memory': '1Gi',
      'requests.ephemeral-storage': '2Gi',
      'requests.hugepages-2Mi': '4Mi',
      'requests.example.com/gpu': '2',
      'limits.cpu': '2',
    });
  });

  it.each<[string, Pod, string, string | undefined]>([
    ['all containers', pod({ containers: [box(cpu('1')), box(cpu('2'))] }), '3', undefined],
    [
      'the largest init container',
      pod({ containers: [box(cpu('1'))], initContainers: [box(cpu('5', '6')), box(cpu('2'))] }),
      '5',
      '6',
    ],
    [
      'sidecars beside init containers after them',
      pod({ containers: [box(cpu('1'))], initContainers: [box(cpu('2'), { restartPolicy: 'Always' }), box(cpu('3'))] }),
      '5',
      undefined,
    ],
    ['the overhead', pod({ containers: [box(cpu('1', '2'))], overhead: { cpu: '500m' } }), '1500m', '2500m'],
    [
      'no limit of the overhead alone',
      pod({ containers: [box(cpu('1'))], overhead: { cpu: '500m' } }),
      '1500m',
      undefined,
    ],
    ['the pod as a whole', pod({ containers: [box(cpu('1'))], resources: cpu('7', '8') }), '7', '8'],
  ])('count %s', (_title, object, requests, limits) => {
    const found = usage(kinds.pods, object);
    expect([found['requests.cpu'], found['limits.cpu']]).toEqual([requests, limits]);
  });

  const leaving = (deletionTimestamp: string): Pod =>
    pod({}, { metadata: { name: 'a', deletionTimestamp, deletionGracePeriodSeconds: 30 } });
  it.each<[string, Pod, boolean]>([
    ['runs', pod({}, { status: { phase: 'Running' } }), true],
    ['has succeeded', pod({}, { status: { phase: 'Succeeded' } }), false],
    ['has failed', pod({}, { status: { phase: 'Failed' } }), false],
    ['is being deleted', leaving('2026-01-01T00:00:20Z'), true],
    ['should have gone long ago', leaving('2025-12-31T23:59:00Z'), false],
  ])('a pod that %s', (_title, object, counts) => {
    const found = usage(kinds.pods, object);
    expect(found['count/pods']).toBe('1');
    expect(found['pods'] === '1').toBe(counts);
  });

  it('stop to count when they are overdue', () => {
    expect(podOverdueAtMs(leaving('2026-01-01T00:00:20Z'))).toBe(nowMs + 50_000);
    expect(podOverdueAtMs(pod({}))).toBeUndefined();
  });

  it.each<[string, string[], Partial<Pod['spec']>, string | undefined]>([
    ['nothing that is not bounded', ['pods', 'requests.example.com/gpu'], { containers: [box({})] }, undefined],
    [
      'each resource and container',
      ['limits.memory', 'limits.cpu', 'cpu'],
      { containers: [box({ limits: { cpu: '1' } }), { name: 'b' }], initContainers: [{ name: 'c' }] },
      'must specify cpu for: a,b,c; limits.cpu for: b,c; limits.memory for: a,b,c',
    ],
    ['nothing of a pod with resources of its own', ['cpu'], { containers: [box({})], resources: cpu('1') }, undefined],
  ])('must say %s', (_title, names, spec, wanted) => {
    expect(evaluatorOf(kinds.pods).missing?.(pod(spec), names)).toBe(wanted);
  });
});

describe('scopes', () => {
  const quota = (spec: ResourceQuota['spec']): ResourceQuota => ({ metadata: { name: 'q' }, spec: spec ?? {} });
  const select = (operator: string, ...values: string[]): ResourceQuota =>
    quota({ scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator, values }] } });
  const short = pod({ activeDeadlineSeconds: 0 });
  const bare = pod({ containers: [box({})] });
  const high = pod({ priorityClassName: 'high' });
  const term = { topologyKey: 'zone', namespaceSelector: {} };
  const apart = pod({
    affinity: {
      podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }] },
    },
  });
  it.each<[ResourceQuota, Pod, boolean]>([
    [quota({ scopes: ['Terminating'] }), short, true],
    [quota({ scopes: ['Terminating'] }), bare, false],
    [quota({ scopes: ['NotTerminating'] }), bare, true],
    [quota({ scopes: ['BestEffort'] }), bare, true],
    [quota({ scopes: ['BestEffort'] }), pod({ containers: [box(cpu('1'))] }), false],
    [quota({ scopes: ['BestEffort'] }), pod({}, { status: { qosClass: 'Burstable' } }), false],
    [quota({ scopes: ['NotBestEffort'] }), pod({ containers: [box(cpu('0', '1'))] }), true],
    [quota({ scopes: ['BestEffort', 'NotTerminating'] }), bare, true],
    [quota({ scopes: ['BestEffort', 'Terminating'] }), bare, false],
    [quota({ scopes: ['PriorityClass'] }), high, true],
    [quota({ scopes: ['PriorityClass'] }), bare, false],
    [select('In', 'high'), high, true],
    [select('In', 'low'), high, false],
    [select('NotIn', 'low'), high, true],
    [select('NotIn', 'low'), bare, true],
    [select('Exists'), bare, false],
    [select('DoesNotExist'), bare, true],
    [quota({ scopes: ['CrossNamespacePodAffinity'] }), apart, true],
    [quota({ scopes: ['CrossNamespacePodAffinity'] }), bare, false],
    [quota({ scopes: ['Strange'] }), bare, false],
  ])('%j', ({ spec, metadata }, object, wanted) => {
    expect(inScope({ spec: spec ?? {}, metadata }, evaluatorOf(kinds.pods), object)).toBe(wanted);
  });

  it('let nothing but pods and claims count', () => {
    const scoped = quota({ scopes: ['BestEffort'] });
    expect(inScope(scoped, evaluatorOf(kinds.services), { metadata: {} })).toBe(false);
    const attributes = quota({
      scopeSelector: { matchExpressions: [{ scopeName: 'VolumeAttributesClass', operator: 'In', values: ['gold'] }] },
    });
    const claim: PersistentVolumeClaim = { metadata: {}, spec: { volumeAttributesClassName: 'gold' } };
    expect(inScope(attributes, evaluatorOf(kinds.claims), claim)).toBe(true);
    expect(inScope(attributes, evaluatorOf(kinds.claims), { metadata: {} })).toBe(false);
  });
});

describe('services', () => {
  const ports = [{ port: 1 }, { port: 2, nodePort: 30_000 }];
  it.each<[Partial<Service['spec']>, string, string]>([
    [{ ports }, '0', '0'],
    [{ ports, type: 'NodePort' }, '2', '0'],
    [{ ports, type: 'LoadBalancer' }, '2', '1'],
    [{ ports, type: 'LoadBalancer', allocateLoadBalancerNodePorts: false }, '1', '1'],
    [{ type: 'ExternalName' }, '0', '0'],
  ])('%j', (spec, nodePorts, balancers) => {
    expect(usage(kinds.services, { metadata: {}, spec })).toEqual({
      services: '1',
      'count/services': '1',
      'services.nodeports': nodePorts,
      'services.loadbalancers': balancers,
    });
  });
});

it('claims count for the larger of what they ask for and what was set aside for them', () => {
  const spec = { storageClassName: 'gold', resources: { requests: { storage: '1Gi' } } };
  const found = usage(kinds.claims, { metadata: {}, spec, status: { allocatedResources: { storage: '2Gi' } } });
  expect(found).toEqual({
    persistentvolumeclaims: '1',
    'count/persistentvolumeclaims': '1',
    'requests.storage': '2Gi',
    'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
    'gold.storageclass.storage.k8s.io/requests.storage': '2Gi',
  });
});

it.each([
  [{ pods: '1' }, ['pods']],
  [{ 'requests.cpu': '1', 'limits.memory': '1', 'requests.example.com/gpu': '1' }, ['pods']],
  [{ 'requests.storage': '1' }, ['persistentvolumeclaims']],
  [{ 'gold.storageclass.storage.k8s.io/requests.storage': '1' }, ['persistentvolumeclaims']],
  [{ configmaps: '1', 'count/configmaps': '1' }, ['configmaps']],
  [
    { 'count/deployments.apps': '1', 'count/jobs.batch': '1', 'count/resourcequotas': '1' },
    ['deployments', 'jobs', 'resourcequotas'],
  ],
  [{ 'count/deployments': '1', deployments: '1', 'requests.pods': '1' }, []],
])('a quota of %j counts %j', (hard, wanted) => {
  const counted = typesCountedBy(hard as Quantities).map(({ resource }) => resource);
  expect(counted.toSorted()).toEqual([...wanted].toSorted());
  expect(namesOf(hard as Quantities, evaluatorOf({ group: 'x', resource: 'y' }))).toEqual([]);
});

import { describe, expect, it } from '@jest/globals';
import type { AdmissionContext } from '@timonel/sdk/contracts/api-server';
import type { KubeObject, ResourceQuota } from '@timonel/sdk/kube';
import { configSchema, uncovered } from './limited.ts';
import { requestOf } from './request.ts';

const { limitedResources } = configSchema.parse({
  limitedResources: [
    {
      resource: 'pods',
      matchContains: ['nvidia.com/gpu'],
      matchScopes: [
        { scopeName: 'PriorityClass', operator: 'In', values: ['critical'] },
        { scopeName: 'CrossNamespacePodAffinity' },
      ],
    },
    {
      resource: 'persistentvolumeclaims',
      matchContains: ['gold.storageclass.storage.k8s.io/'],
      matchScopes: [{ scopeName: 'VolumeAttributesClass', operator: 'In', values: ['fast'] }],
    },
  ],
});

const quota = (hard: Record<string, string>, spec: object = {}): ResourceQuota => ({
  metadata: { name: 'q' },
  spec: { hard, ...spec },
  status: { hard },
});
const only = (scopeName: string, operator: string, ...values: string[]): object => ({
  scopeSelector: { matchExpressions: [{ scopeName, operator, ...(values.length === 0 ? {} : { values }) }] },
});
const pod = (spec: object, resources: object = {}): object => ({
  metadata: { name: 'p' },
  spec: { containers: [{ name: 'c', resources }], ...spec },
});
const claim = (spec: object): object => ({ metadata: { name: 'p' }, spec });

const term = { labelSelector: {}, topologyKey: 'zone', namespaces: ['other'] };
const across = { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } };
const gpu = { limits: { 'nvidia.com/gpu': '1' }, requests: { 'nvidia.com/gpu': '1' } };

const cases: readonly (readonly [
  what: string,
  resource: string,
  object: object,
  quotas: readonly ResourceQuota[],
  why: string | undefined,
])[] = [
  ['an ordinary pod', 'pods', pod({}), [], undefined],
  ['a limited name', 'pods', pod({}, gpu), [], 'insufficient quota to consume: requests.nvidia.com/gpu'],
  [
    'one that a quota does not bound',
    'pods',
    pod({}, gpu),
    [quota({ pods: '9' })],
    'insufficient quota to consume: requests.nvidia.com/gpu',
  ],
  ['one that a quota bounds', 'pods', pod({}, gpu), [quota({ 'requests.nvidia.com/gpu': '0' })], undefined],
  [
    'a limited class',
    'pods',
    pod({ priorityClassName: 'critical' }),
    [quota({ pods: '9' })],
    'insufficient quota to match these scopes: [{PriorityClass In [critical]}]',
  ],
  ['another class', 'pods', pod({ priorityClassName: 'low' }), [], undefined],
  [
    'a class with its quota',
    'pods',
    pod({ priorityClassName: 'critical' }),
    [quota({ pods: '9' }, only('PriorityClass', 'In', 'critical'))],
    undefined,
  ],
  [
    'a class with the quota of another',
    'pods',
    pod({ priorityClassName: 'critical' }),
    [quota({ pods: '9' }, only('PriorityClass', 'In', 'low'))],
    'insufficient quota to match these scopes: [{PriorityClass In [critical]}]',
  ],
  [
    'a class with a quota for several',
    'pods',
    pod({ priorityClassName: 'critical' }),
    [quota({ pods: '9' }, only('PriorityClass', 'In', 'low', 'critical'))],
    undefined,
  ],
  [
    'a class with a quota for any',
    'pods',
    pod({ priorityClassName: 'critical' }),
    [quota({ pods: '9' }, only('PriorityClass', 'Exists'))],
    undefined,
  ],
  [
    'a class with a quota in another scope',
    'pods',
    pod({ priorityClassName: 'critical' }),
    [quota({ pods: '9' }, { scopes: ['BestEffort'] })],
    'insufficient quota to match these scopes: [{PriorityClass In [critical]}]',
  ],
  [
    'affinity across namespaces',
    'pods',
    pod(across),
    [],
    'insufficient quota to match these scopes: [{CrossNamespacePodAffinity Exists []}]',
  ],
  [
    'affinity with its quota',
    'pods',
    pod(across),
    [quota({ pods: '9' }, { scopes: ['CrossNamespacePodAffinity'] })],
    undefined,
  ],
  [
    'a limited storage class',
    'persistentvolumeclaims',
    claim({ storageClassName: 'gold', resources: { requests: { storage: '1Gi' } } }),
    [],
    'insufficient quota to consume: gold.storageclass.storage.k8s.io/persistentvolumeclaims,gold.storageclass.storage.k8s.io/requests.storage',
  ],
  [
    'attributes of volumes',
    'persistentvolumeclaims',
    claim({ volumeAttributesClassName: 'fast' }),
    [],
    'insufficient quota to match these scopes: [{VolumeAttributesClass In [fast]}]',
  ],
  [
    'attributes with their quota',
    'persistentvolumeclaims',
    claim({ volumeAttributesClassName: 'fast' }),
    [quota({ persistentvolumeclaims: '1' }, only('VolumeAttributesClass', 'In', 'fast'))],
    undefined,
  ],
  ['another kind', 'services', { metadata: {}, spec: { type: 'LoadBalancer' } }, [], undefined],
];

describe('what is limited', () => {
  it.each(cases)('%s', (_what, resource, object, quotas, why) => {
    const context = { operation: 'CREATE', group: '', resource, namespace: 'default', name: 'p' } as AdmissionContext;
    expect(uncovered(limitedResources, requestOf(object as KubeObject, context, 0), quotas)).toBe(why);
  });
});

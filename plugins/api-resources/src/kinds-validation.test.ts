import { describe, expect, it } from '@jest/globals';
import { findings, kindOf, updateFindings } from './testing/kinds-under-test.ts';

const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const volume = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/srv' } };
const scaleTargetRef = { kind: 'Deployment', name: 'web' };
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
const nonNegative = 'must be greater than or equal to 0';
const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const webhook = {
  name: 'a.example.com',
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  clientConfig: { url: 'https://example.com/hook' },
};
const pem = Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n').toString(
  'base64',
);
const slice = { driver: 'd.example.com', pool: { name: 'p', resourceSliceCount: 1 }, nodeName: 'n' };

describe('storage', () => {
  it.each<[string, object, string[]]>([
    ['persistentvolumes', { spec: volume }, []],
    [
      'persistentvolumes',
      { spec: { ...volume, hostPath: undefined, capacity: {}, accessModes: [] } },
      [
        'spec.accessModes: Required value',
        'spec.capacity: Required value',
        'spec.volumeType: Required value: must specify a volume type',
      ],
    ],
    [
      'persistentvolumes',
      { spec: { ...volume, nfs: { server: 's' }, capacity: { storage: '0' } } },
      [
        'spec.capacity[storage]: Invalid value: "0": must be greater than zero',
        'spec.nfs: Forbidden: may not specify more than 1 volume type',
        'spec.nfs.path: Required value',
      ],
    ],
    [
      'persistentvolumes',
      { spec: { ...volume, hostPath: undefined, local: { path: '/x' } } },
      ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
    ],
    ['persistentvolumeclaims', { spec: claim }, []],
    [
      'persistentvolumeclaims',
      { spec: { accessModes: ['Some'] } },
      [
        'spec.accessModes[0]: Unsupported value: "Some": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
        'spec.resources[storage]: Required value',
      ],
    ],
    [
      'persistentvolumeclaims',
      { spec: { ...claim, accessModes: ['ReadWriteOncePod', 'ReadWriteOnce'] } },
      ['spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes'],
    ],
    ['storageclasses', {}, ['provisioner: Required value']],
    [
      'volumeattachments',
      { spec: { attacher: 'a.b', nodeName: 'n', source: {} } },
      ['spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName'],
    ],
    [
      'csinodes',
      {
        spec: {
          drivers: [
            { name: 'd', nodeID: 'n' },
            { name: 'd', nodeID: '' },
          ],
        },
      },
      ['spec.drivers[1].name: Duplicate value: "d"', 'spec.drivers[1].nodeID: Required value'],
    ],
    [
      'volumeattributesclasses',
      { driverName: 'd' },
      ['parameters: Required value: must contain at least one key/value pair'],
    ],
  ])('%s %j', (resource, object, expected) => {
    expect(findings(resource, object)).toEqual(expected);
  });
});

describe('limits and quotas', () => {
  it.each<[string, object, string[]]>([
    [
      'limitranges',
      { spec: { limits: [{ type: 'Container', min: { cpu: '2' }, max: { cpu: '1' }, default: { cpu: '1' } }] } },
      [
        'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
        'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than defaultRequest value 1',
        'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
      ],
    ],
    [
      'limitranges',
      { spec: { limits: [{ type: 'Pod', default: { cpu: '1' } }, { type: 'Pod' }] } },
      [
        'spec.limits[1].type: Duplicate value: "Pod"',
        "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
      ],
    ],
    [
      'resourcequotas',
      { spec: { hard: { pods: '-1' }, scopes: ['BestEffort', 'NotBestEffort'] } },
      [
        `spec.hard[pods]: Invalid value: "-1": ${nonNegative}`,
        'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes',
      ],
    ],
  ])('%s %j', (resource, object, expected) => {
    expect(findings(resource, object)).toEqual(expected);
  });
});

describe('scaling and disruption', () => {
  it.each<[string, object, string[]]>([
    ['horizontalpodautoscalers', { spec: { maxReplicas: 3, scaleTargetRef } }, []],
    [
      'horizontalpodautoscalers',
      { spec: { maxReplicas: 1, minReplicas: 2, scaleTargetRef: { kind: 'Deployment' } } },
      [
        'spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`',
        'spec.scaleTargetRef.name: Required value',
      ],
    ],
    [
      'horizontalpodautoscalers',
      { spec: { maxReplicas: 1, scaleTargetRef, metrics: [{ type: 'Pods', pods: { metric: { name: 'm' } } }] } },
      [
        'spec.metrics[0].pods.target.type: Required value',
        'spec.metrics[0].pods.target.averageValue: Required value: must set either averageValue',
      ],
    ],
    [
      'poddisruptionbudgets',
      { spec: { minAvailable: 1, maxUnavailable: '10' } },
      [
        'spec: Invalid value: {"minAvailable":1,"maxUnavailable":"10"}: minAvailable and maxUnavailable cannot be both set',
        `spec.maxUnavailable: Invalid value: "10": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%')`,
      ],
    ],
    ['poddisruptionbudgets', { spec: { minAvailable: '100%' } }, []],
    [
      'poddisruptionbudgets',
      { spec: { minAvailable: '150%' } },
      ['spec.minAvailable: Invalid value: "150%": must not be greater than 100%'],
    ],
    [
      'poddisruptionbudgets',
      { spec: { maxUnavailable: 2_147_483_648 } },
      ['spec.maxUnavailable: Invalid value: 2147483648: must be less than or equal to 2147483647'],
    ],
  ])('%s %j', (resource, object, expected) => {
    expect(findings(resource, object)).toEqual(expected);
  });
});

describe('access', () => {
  it.each<[string, object, string[]]>([
    [
      'roles',
      {
        rules: [
          { verbs: [], apiGroups: [''], resources: ['pods'] },
          { verbs: ['get'], nonResourceURLs: ['/x'] },
        ],
      },
      [
        'rules[0].verbs: Required value: verbs must contain at least one value',
        'rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
      ],
    ],
    [
      'clusterrolebindings',
      { roleRef: { ...roleRef, kind: 'Role' }, subjects: [{ kind: 'ServiceAccount', name: 'a' }] },
      [
        'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
        'subjects[0].namespace: Required value',
      ],
    ],
    [
      'certificatesigningrequests',
      { spec: { request: 'AAAA', signerName: 'signer', usages: ['eating'] } },
      [
        'spec.request: Invalid value: "<value omitted>": PEM block type must be CERTIFICATE REQUEST',
        'spec.signerName: Invalid value: "signer": must be a domain-prefixed path (such as "acme.io/foo")',
        expect.stringContaining('spec.usages[0]: Unsupported value: "eating"') as unknown as string,
      ],
    ],
    [
      'priorityclasses',
      { metadata: { name: 'system-mine' }, value: 1 },
      ["metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only"],
    ],
    [
      'priorityclasses',
      { value: 1_000_000_001 },
      ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
    ],
    ['runtimeclasses', {}, ['handler: Required value']],
  ])('%s %j', (resource, object, expected) => {
    expect(findings(resource, object)).toEqual(expected);
  });

  it('lets names of roles hold colons', () => {
    expect(kindOf('clusterroles').nameProblems?.('system:node')).toEqual([]);
    expect(kindOf('clusterroles').nameProblems?.('a/b')).toEqual(["may not contain '/'"]);
  });
});

describe('webhooks, policies, flow control, devices', () => {
  it.each<[string, object, string[]]>([
    ['validatingwebhookconfigurations', { webhooks: [webhook] }, []],
    [
      'validatingwebhookconfigurations',
      { webhooks: [{ ...webhook, name: 'short', sideEffects: 'Some', timeoutSeconds: 31, clientConfig: {} }] },
      [
        'webhooks[0].name: Invalid value: "short": should be a domain with at least three segments separated by dots',
        'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
        'webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds',
        'webhooks[0].clientConfig: Required value: exactly one of url or service is required',
      ],
    ],
    [
      'mutatingwebhookconfigurations',
      {
        webhooks: [
          { ...webhook, rules: [{ ...rule, operations: ['*', 'CREATE'] }], clientConfig: { url: 'http://a' } },
        ],
      },
      [
        'webhooks[0].rules[0].operations: Invalid value: ["*","CREATE"]: if \'*\' is present, must not specify other items',
        `webhooks[0].clientConfig.url: Invalid value: "http://a": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
      ],
    ],
    [
      'validatingadmissionpolicies',
      { spec: { matchConstraints: {} } },
      [
        'spec.matchConstraints.resourceRules: Required value',
        'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
        'spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item',
      ],
    ],
    [
      'validatingadmissionpolicybindings',
      { spec: { policyName: 'p', validationActions: ['Deny', 'Deny'] } },
      ['spec.validationActions[1]: Duplicate value: "Deny"'],
    ],
    [
      'mutatingadmissionpolicies',
      { spec: { matchConstraints: { resourceRules: [{ ...rule, operations: ['DELETE'] }] } } },
      [
        'spec.matchConstraints.resourceRules[0].operations: Invalid value: ["DELETE"]: what is deleted cannot be mutated: DELETE is not supported',
        'spec.mutations: Required value: mutations must contain at least one item',
        'spec.reinvocationPolicy: Required value',
      ],
    ],
    [
      'mutatingadmissionpolicies',
      {
        spec: {
          matchConstraints: { resourceRules: [rule] },
          reinvocationPolicy: 'Never',
          mutations: [
            { patchType: 'JSONPatch', applyConfiguration: { expression: 'Object{}' } },
            { patchType: 'ApplyConfiguration', applyConfiguration: { expression: ' ' } },
            { patchType: 'Merge' },
          ],
        },
      },
      [
        'spec.mutations[0].applyConfiguration: Forbidden: may only be set when patchType is ApplyConfiguration',
        'spec.mutations[0].jsonPatch: Required value: must be set when patchType is JSONPatch',
        'spec.mutations[1].applyConfiguration.expression: Required value: expression is not specified',
        'spec.mutations[2].patchType: Unsupported value: "Merge": supported values: "ApplyConfiguration", "JSONPatch"',
      ],
    ],
    ['mutatingadmissionpolicybindings', { spec: { policyName: 'p' } }, []],
    [
      'flowschemas',
      { spec: { matchingPrecedence: 20_000, rules: [{}] } },
      [
        'spec.matchingPrecedence: Invalid value: 20000: must not be greater than 10000',
        'spec.priorityLevelConfiguration.name: Required value',
        'spec.rules[0].subjects: Required value: subjects must contain at least one value',
        'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
      ],
    ],
    [
      'prioritylevelconfigurations',
      { spec: { type: 'Limited' } },
      ['spec.limited: Required value: must not be empty when type is Limited'],
    ],
    [
      'resourceclaims',
      { spec: { devices: { requests: [{ name: 'r' }, { name: 'r', exactly: { deviceClassName: 'c', count: 0 } }] } } },
      [
        'spec.devices.requests[1].name: Duplicate value: "r"',
        'spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
        'spec.devices.requests[1].exactly.count: Invalid value: 0: must be greater than zero',
      ],
    ],
    [
      'resourceslices',
      { spec: { ...slice, allNodes: true, devices: [{ name: 'd', attributes: { a: {} } }] } },
      [
        'spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
        'spec.devices[0].attributes[a]: Required value: exactly one value must be specified',
      ],
    ],
  ])('%s %j', (resource, object, expected) => {
    expect(findings(resource, object)).toEqual(expected);
  });
});

describe('what an update may not change', () => {
  const immutable = (field: string, value: unknown): string[] => [
    `${field}: Invalid value: ${JSON.stringify(value)}: field is immutable`,
  ];
  const claimMessage =
    'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
  const bound = { status: { phase: 'Bound' } };
  const larger = { ...claim, resources: { requests: { storage: '2Gi' } } };

  it.each<[string, object, object, string[]]>([
    [
      'storageclasses',
      { provisioner: 'b' },
      { provisioner: 'a' },
      ['provisioner: Forbidden: updates to provisioner are forbidden.'],
    ],
    [
      'storageclasses',
      { provisioner: 'a', parameters: { a: '2' }, reclaimPolicy: 'Retain', volumeBindingMode: 'WaitForFirstConsumer' },
      { provisioner: 'a', parameters: { a: '1' } },
      [
        ...immutable('volumeBindingMode', 'WaitForFirstConsumer'),
        'parameters: Forbidden: updates to parameters are forbidden.',
        'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.',
      ],
    ],
    ['storageclasses', { provisioner: 'a', allowVolumeExpansion: true }, { provisioner: 'a' }, []],
    ['priorityclasses', { value: 2 }, { value: 1 }, ['value: Forbidden: may not be changed in an update.']],
    ['priorityclasses', { value: 1, preemptionPolicy: 'Never' }, { value: 1 }, immutable('preemptionPolicy', 'Never')],
    ['csidrivers', { spec: { attachRequired: false } }, { spec: {} }, immutable('spec.attachRequired', false)],
    ['csidrivers', { spec: { fsGroupPolicy: 'File', podInfoOnMount: true } }, { spec: {} }, []],
    [
      'volumeattributesclasses',
      { driverName: 'a.b', parameters: { a: '2' } },
      { driverName: 'a.b', parameters: { a: '1' } },
      immutable('parameters', { a: '2' }),
    ],
    ['csistoragecapacities', { storageClassName: 'b' }, { storageClassName: 'a' }, immutable('storageClassName', 'b')],
    [
      'endpointslices',
      { addressType: 'IPv6', endpoints: [] },
      { addressType: 'IPv4', endpoints: [] },
      immutable('addressType', 'IPv6'),
    ],
    [
      'ingressclasses',
      { spec: { controller: 'a.b/d' } },
      { spec: { controller: 'a.b/c' } },
      immutable('spec.controller', 'a.b/d'),
    ],
    [
      'resourcequotas',
      { spec: { scopes: ['BestEffort'] } },
      { spec: { scopes: ['NotBestEffort'] } },
      immutable('spec.scopes', ['BestEffort']),
    ],
    ['runtimeclasses', { handler: 'b' }, { handler: 'a' }, immutable('handler', 'b')],
    [
      'servicecidrs',
      { spec: { cidrs: ['10.1.0.0/16'] } },
      { spec: { cidrs: ['10.0.0.0/16'] } },
      immutable('spec.cidrs', ['10.1.0.0/16']),
    ],
    ['controllerrevisions', { data: { a: 2 } }, { data: { a: 1 } }, immutable('data', { a: 2 })],
    [
      'rolebindings',
      { roleRef: { ...roleRef, name: 'edit' } },
      { roleRef },
      [`roleRef: Invalid value: ${JSON.stringify({ ...roleRef, name: 'edit' })}: cannot change roleRef`],
    ],
    [
      'certificatesigningrequests',
      { spec: { request: pem, signerName: 'a.b/c', usages: ['any'], expirationSeconds: 700 } },
      { spec: { request: pem, signerName: 'a.b/c', usages: ['any'] } },
      immutable('spec', { request: pem, signerName: 'a.b/c', usages: ['any'], expirationSeconds: 700 }),
    ],
    ['persistentvolumeclaims', { spec: { ...claim, volumeName: 'v' } }, { spec: claim }, []],
    ['persistentvolumeclaims', { spec: { ...claim, volumeMode: 'Block' } }, { spec: claim }, [claimMessage]],
    ['persistentvolumeclaims', { spec: larger }, { spec: claim }, [claimMessage]],
    ['persistentvolumeclaims', { spec: larger }, { spec: claim, ...bound }, []],
    [
      'persistentvolumeclaims',
      { spec: claim },
      { spec: larger, ...bound },
      ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity'],
    ],
    [
      'persistentvolumes',
      { spec: { ...volume, hostPath: { path: '/other' } } },
      { spec: volume },
      ['spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation'],
    ],
  ])('%s %j', (resource, object, old, expected) => {
    expect(updateFindings(resource, object, old)).toEqual(expected);
  });
});

import { describe, expect, it } from '@jest/globals';
import { created } from './testing/kinds-under-test.ts';

const named = { metadata: { name: 'x' } };
const rbac = 'rbac.authorization.k8s.io';
const time = '2026-01-01T00:00:00Z';
const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const webhook = {
  name: 'a.example.com',
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  clientConfig: { service: { namespace: 'default', name: 'hook' } },
  rules: [rule],
};
const defaultedWebhook = {
  ...webhook,
  clientConfig: { service: { namespace: 'default', name: 'hook', port: 443 } },
  failurePolicy: 'Fail',
  matchPolicy: 'Equivalent',
  namespaceSelector: {},
  objectSelector: {},
  rules: [{ ...rule, scope: '*' }],
  timeoutSeconds: 10,
};
const pem = Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n').toString(
  'base64',
);
const cpuAt80 = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
};
const scaleTargetRef = { kind: 'Deployment', name: 'web' };

describe('what a minimal object looks like after it was created', () => {
  it.each<[resource: string, given: object, expected: object]>([
    [
      'persistentvolumes',
      { spec: { capacity: { storage: '1024Mi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/srv' } } },
      {
        spec: {
          accessModes: ['ReadWriteOnce'],
          capacity: { storage: '1Gi' },
          hostPath: { path: '/srv', type: '' },
          persistentVolumeReclaimPolicy: 'Retain',
          volumeMode: 'Filesystem',
        },
        status: { lastPhaseTransitionTime: time, phase: 'Pending' },
      },
    ],
    [
      'persistentvolumeclaims',
      {
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1Gi' } },
          dataSource: { kind: 'PersistentVolumeClaim', name: 'from' },
        },
      },
      {
        spec: {
          accessModes: ['ReadWriteOnce'],
          dataSource: { kind: 'PersistentVolumeClaim', name: 'from' },
          dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'from' },
          resources: { requests: { storage: '1Gi' } },
          volumeMode: 'Filesystem',
        },
        status: { phase: 'Pending' },
      },
    ],
    [
      'limitranges',
      { spec: { limits: [{ type: 'Container', max: { cpu: '1', memory: '1Gi' }, min: { cpu: '0.1', disk: '1' } }] } },
      {
        spec: {
          limits: [
            {
              default: { cpu: '1', memory: '1Gi' },
              defaultRequest: { cpu: '1', memory: '1Gi', disk: '1' },
              max: { cpu: '1', memory: '1Gi' },
              min: { cpu: '100m', disk: '1' },
              type: 'Container',
            },
          ],
        },
      },
    ],
    ['resourcequotas', { spec: { hard: { cpu: '1000m' } } }, { spec: { hard: { cpu: '1' } }, status: {} }],
    [
      'horizontalpodautoscalers',
      { spec: { maxReplicas: 3, scaleTargetRef, behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } } },
      {
        spec: {
          behavior: {
            scaleDown: {
              policies: [{ periodSeconds: 15, type: 'Percent', value: 100 }],
              selectPolicy: 'Max',
              stabilizationWindowSeconds: 60,
            },
            scaleUp: {
              policies: [
                { periodSeconds: 15, type: 'Pods', value: 4 },
                { periodSeconds: 15, type: 'Percent', value: 100 },
              ],
              selectPolicy: 'Max',
              stabilizationWindowSeconds: 0,
            },
          },
          maxReplicas: 3,
          metrics: [cpuAt80],
          minReplicas: 1,
          scaleTargetRef,
        },
        status: { currentMetrics: null, desiredReplicas: 0 },
      },
    ],
    [
      'ingresses',
      { spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } } },
      { spec: { defaultBackend: { service: { name: 'web', port: { number: 80 } } } }, status: { loadBalancer: {} } },
    ],
    [
      'ingressclasses',
      { spec: { controller: 'example.com/x', parameters: { kind: 'P', name: 'p' } } },
      { spec: { controller: 'example.com/x', parameters: { kind: 'P', name: 'p', scope: 'Cluster' } } },
    ],
    [
      'networkpolicies',
      { spec: { podSelector: {}, egress: [{ ports: [{ port: 53 }] }] } },
      {
        spec: {
          egress: [{ ports: [{ port: 53, protocol: 'TCP' }] }],
          podSelector: {},
          policyTypes: ['Ingress', 'Egress'],
        },
      },
    ],
    ['networkpolicies', { spec: { podSelector: {} } }, { spec: { podSelector: {}, policyTypes: ['Ingress'] } }],
    [
      'rolebindings',
      {
        roleRef: { kind: 'Role', name: 'r' },
        subjects: [
          { kind: 'User', name: 'ada' },
          { kind: 'ServiceAccount', name: 'sa' },
        ],
      },
      {
        roleRef: { apiGroup: rbac, kind: 'Role', name: 'r' },
        subjects: [
          { apiGroup: rbac, kind: 'User', name: 'ada' },
          { kind: 'ServiceAccount', name: 'sa' },
        ],
      },
    ],
    [
      'clusterroles',
      { aggregationRule: { clusterRoleSelectors: [{}] } },
      { aggregationRule: { clusterRoleSelectors: [{}] }, rules: null },
    ],
    ['priorityclasses', { value: 7 }, { preemptionPolicy: 'PreemptLowerPriority', value: 7 }],
    [
      'storageclasses',
      { provisioner: 'example.com/disk' },
      { provisioner: 'example.com/disk', reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' },
    ],
    [
      'csidrivers',
      { spec: {} },
      {
        spec: {
          attachRequired: true,
          fsGroupPolicy: 'ReadWriteOnceWithFSType',
          podInfoOnMount: false,
          requiresRepublish: false,
          seLinuxMount: false,
          storageCapacity: false,
          volumeLifecycleModes: ['Persistent'],
        },
      },
    ],
    [
      'volumeattachments',
      { spec: { attacher: 'a.b', nodeName: 'n', source: { persistentVolumeName: 'v' } } },
      {
        spec: { attacher: 'a.b', nodeName: 'n', source: { persistentVolumeName: 'v' } },
        status: { attached: false },
      },
    ],
    ['csistoragecapacities', { storageClassName: 'f', capacity: '1024Mi' }, { storageClassName: 'f', capacity: '1Gi' }],
    [
      'runtimeclasses',
      { handler: 'h', overhead: { podFixed: { cpu: '0.25' } } },
      { handler: 'h', overhead: { podFixed: { cpu: '250m' } } },
    ],
    ['validatingwebhookconfigurations', { webhooks: [webhook] }, { webhooks: [defaultedWebhook] }],
    [
      'mutatingwebhookconfigurations',
      { webhooks: [webhook] },
      { webhooks: [{ ...defaultedWebhook, reinvocationPolicy: 'Never' }] },
    ],
    [
      'validatingadmissionpolicies',
      { spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }] } },
      {
        spec: {
          failurePolicy: 'Fail',
          matchConstraints: {
            matchPolicy: 'Equivalent',
            namespaceSelector: {},
            objectSelector: {},
            resourceRules: [{ ...rule, scope: '*' }],
          },
          validations: [{ expression: 'true' }],
        },
        status: {},
      },
    ],
    [
      'certificatesigningrequests',
      { spec: { request: pem, signerName: 'example.com/s', usages: ['client auth'], username: 'somebody else' } },
      {
        spec: {
          groups: ['dev'],
          request: pem,
          signerName: 'example.com/s',
          usages: ['client auth'],
          username: 'ada',
        },
        status: {},
      },
    ],
    [
      'flowschemas',
      { spec: { priorityLevelConfiguration: { name: 'p' } } },
      { spec: { matchingPrecedence: 1000, priorityLevelConfiguration: { name: 'p' } }, status: {} },
    ],
    [
      'prioritylevelconfigurations',
      { spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } } },
      {
        spec: {
          limited: {
            lendablePercent: 0,
            limitResponse: { queuing: { handSize: 8, queueLengthLimit: 50, queues: 64 }, type: 'Queue' },
            nominalConcurrencyShares: 30,
          },
          type: 'Limited',
        },
        status: {},
      },
    ],
    [
      'resourceclaims',
      { spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'c' } }] } } },
      {
        spec: {
          devices: {
            requests: [{ name: 'r', exactly: { allocationMode: 'ExactCount', count: 1, deviceClassName: 'c' } }],
          },
        },
        status: {},
      },
    ],
  ])('%s', (resource, given, expected) => {
    expect(created(resource, given)).toEqual({ ...named, ...expected });
  });
});

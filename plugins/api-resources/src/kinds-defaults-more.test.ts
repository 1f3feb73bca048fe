/** The kinds whose minimal objects the other tables of defaults do not show. */
import { expect, it } from '@jest/globals';
import { created } from './testing/kinds-under-test.ts';

const named = { metadata: { name: 'x' } };
const labels = { app: 'x' };
const containers = [{ name: 'c', image: 'nginx' }];
const template = { metadata: { labels }, spec: { containers } };
const defaultedContainer = {
  name: 'c',
  image: 'nginx',
  imagePullPolicy: 'Always',
  resources: {},
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
};
const podSpec = {
  containers: [defaultedContainer],
  dnsPolicy: 'ClusterFirst',
  restartPolicy: 'Always',
  schedulerName: 'default-scheduler',
  securityContext: {},
  terminationGracePeriodSeconds: 30,
};
const defaultedTemplate = { metadata: { labels }, spec: podSpec };
const stay = (key: string): object => ({
  key: `node.kubernetes.io/${key}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300,
});

/** A pod as it comes out, but for its containers. */
const pod = {
  ...podSpec,
  enableServiceLinks: true,
  preemptionPolicy: 'PreemptLowerPriority',
  priority: 0,
  serviceAccount: 'default',
  serviceAccountName: 'default',
  tolerations: [stay('not-ready'), stay('unreachable')],
};
const pending = { phase: 'Pending', qosClass: 'BestEffort' };

it.each<[resource: string, given: object, expected: object]>([
  ['pods', { spec: { containers } }, { spec: pod, status: pending }],
  [
    'pods',
    {
      spec: {
        priorityClassName: 'system-node-critical',
        tolerations: [{ operator: 'Exists' }],
        containers: [
          {
            ...containers[0],
            livenessProbe: { httpGet: { port: 80 } },
            readinessProbe: { grpc: { port: 80 } },
            startupProbe: { tcpSocket: { port: 80 } },
            lifecycle: { preStop: { httpGet: { port: 80 } } },
            ports: [{ containerPort: 80 }],
            env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
            resources: { limits: { cpu: '0.5', memory: '1024Mi' } },
            volumeMounts: [{ name: 'a', mountPath: '/a' }],
          },
        ],
        volumes: [
          { name: 'a' },
          { name: 'b', secret: { secretName: 's' } },
          { name: 'c', configMap: { name: 'm' } },
          { name: 'd', hostPath: { path: '/d' } },
          { name: 'e', downwardAPI: { items: [{ path: 'p', fieldRef: { fieldPath: 'metadata.name' } }] } },
          { name: 'f', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
        ],
      },
    },
    {
      spec: {
        ...pod,
        priority: 2_000_001_000,
        priorityClassName: 'system-node-critical',
        tolerations: [{ operator: 'Exists' }],
        containers: [
          {
            ...defaultedContainer,
            livenessProbe: {
              httpGet: { path: '/', port: 80, scheme: 'HTTP' },
              failureThreshold: 3,
              periodSeconds: 10,
              successThreshold: 1,
              timeoutSeconds: 1,
            },
            readinessProbe: {
              grpc: { port: 80, service: '' },
              failureThreshold: 3,
              periodSeconds: 10,
              successThreshold: 1,
              timeoutSeconds: 1,
            },
            startupProbe: {
              tcpSocket: { port: 80 },
              failureThreshold: 3,
              periodSeconds: 10,
              successThreshold: 1,
              timeoutSeconds: 1,
            },
            lifecycle: { preStop: { httpGet: { path: '/', port: 80, scheme: 'HTTP' } } },
            ports: [{ containerPort: 80, protocol: 'TCP' }],
            env: [{ name: 'A', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } }],
            resources: { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } },
            volumeMounts: [{ name: 'a', mountPath: '/a' }],
          },
        ],
        volumes: [
          { name: 'a', emptyDir: {} },
          { name: 'b', secret: { defaultMode: 420, secretName: 's' } },
          { name: 'c', configMap: { defaultMode: 420, name: 'm' } },
          { name: 'd', hostPath: { path: '/d', type: '' } },
          {
            name: 'e',
            downwardAPI: {
              defaultMode: 420,
              items: [{ path: 'p', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } }],
            },
          },
          {
            name: 'f',
            projected: {
              defaultMode: 420,
              sources: [{ serviceAccountToken: { expirationSeconds: 3600, path: 'token' } }],
            },
          },
        ],
      },
      status: { phase: 'Pending', qosClass: 'Guaranteed' },
    },
  ],
  ['podtemplates', { template }, { template: defaultedTemplate }],
  [
    'replicationcontrollers',
    { spec: { template } },
    {
      metadata: { name: 'x', labels },
      spec: { replicas: 1, selector: labels, template: defaultedTemplate },
      status: { replicas: 0 },
    },
  ],
  [
    'replicasets',
    { spec: { selector: { matchLabels: labels }, template } },
    { spec: { replicas: 1, selector: { matchLabels: labels }, template: defaultedTemplate }, status: { replicas: 0 } },
  ],
  [
    'daemonsets',
    { spec: { selector: { matchLabels: labels }, template } },
    {
      metadata: { name: 'x', annotations: { 'deprecated.daemonset.template.generation': '1' } },
      spec: {
        revisionHistoryLimit: 10,
        selector: { matchLabels: labels },
        template: defaultedTemplate,
        updateStrategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 }, type: 'RollingUpdate' },
      },
      status: { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
    },
  ],
  [
    'cronjobs',
    {
      spec: {
        schedule: '* * * * *',
        jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers } } } },
      },
    },
    {
      spec: {
        concurrencyPolicy: 'Allow',
        failedJobsHistoryLimit: 1,
        jobTemplate: {
          metadata: {},
          spec: { template: { metadata: {}, spec: { ...podSpec, restartPolicy: 'Never' } } },
        },
        schedule: '* * * * *',
        successfulJobsHistoryLimit: 3,
        suspend: false,
      },
      status: {},
    },
  ],
  [
    'poddisruptionbudgets',
    { spec: { minAvailable: 1 } },
    {
      spec: { minAvailable: 1 },
      status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
    },
  ],
  [
    'namespaces',
    {},
    {
      metadata: { name: 'x', labels: { 'kubernetes.io/metadata.name': 'x' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    },
  ],
  ['configmaps', { data: { a: '1' } }, { data: { a: '1' } }],
  ['secrets', { stringData: { a: '1' } }, { data: { a: 'MQ==' }, type: 'Opaque' }],
  ['serviceaccounts', {}, {}],
  [
    'endpoints',
    { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] },
    { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80, protocol: 'TCP' }] }] },
  ],
  [
    'endpointslices',
    { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }] },
    {
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.1'] }],
      ports: [{ name: '', port: 80, protocol: 'TCP' }],
    },
  ],
  ['leases', { spec: { holderIdentity: 'me' } }, { spec: { holderIdentity: 'me' } }],
  ['roles', { rules: [] }, { rules: [] }],
  ['deviceclasses', { spec: {} }, { spec: {} }],
  ['csinodes', { spec: { drivers: [] } }, { spec: { drivers: [] } }],
  [
    'apiservices',
    {
      metadata: { name: 'v1.example.com' },
      spec: {
        group: 'example.com',
        version: 'v1',
        groupPriorityMinimum: 100,
        versionPriority: 10,
        service: { namespace: 'default', name: 'api' },
      },
    },
    {
      metadata: { name: 'v1.example.com' },
      spec: {
        group: 'example.com',
        groupPriorityMinimum: 100,
        service: { name: 'api', namespace: 'default', port: 443 },
        version: 'v1',
        versionPriority: 10,
      },
      status: {},
    },
  ],
])('a minimal object of %s after it was created', (resource, given, expected) => {
  expect(created(resource, given)).toEqual({ ...named, ...expected });
});

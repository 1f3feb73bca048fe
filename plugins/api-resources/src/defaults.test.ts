import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '@timonel/sdk/kube';
import { kindOf } from './testing/kinds-under-test.ts';

/** What the API server does to a new object before it is stored. */
function created(resource: string, object: Record<string, unknown>): KubeObject {
  const kind = kindOf(resource);
  const copy = structuredClone(object) as unknown as KubeObject;
  kind.strategy.default?.(copy);
  kind.strategy.prepareForCreate?.(copy);
  expect(kind.strategy.validate?.(copy) ?? []).toEqual([]);
  return copy;
}

const defaultedContainer = {
  name: 'web',
  image: 'nginx:1.27',
  imagePullPolicy: 'IfNotPresent',
  resources: {},
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
};

const defaultedTemplateSpec = {
  dnsPolicy: 'ClusterFirst',
  restartPolicy: 'Always',
  schedulerName: 'default-scheduler',
  securityContext: {},
  terminationGracePeriodSeconds: 30,
};

describe('what a minimal object looks like after it was created', () => {
  it('Pod', () => {
    const pod = created('pods', {
      metadata: { name: 'a' },
      spec: { containers: [{ name: 'web', image: 'nginx:1.27' }] },
    });
    expect(pod).toEqual({
      metadata: { name: 'a' },
      spec: {
        ...defaultedTemplateSpec,
        containers: [defaultedContainer],
        enableServiceLinks: true,
        preemptionPolicy: 'PreemptLowerPriority',
        priority: 0,
        serviceAccount: 'default',
        serviceAccountName: 'default',
        tolerations: [
          { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
          { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
        ],
      },
      status: { phase: 'Pending', qosClass: 'BestEffort' },
    });
  });

  it('Deployment', () => {
    const deployment = created('deployments', {
      metadata: { name: 'web' },
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'web', image: 'nginx:1.27', ports: [{ containerPort: 80 }] }] },
        },
      },
    });
    expect(deployment).toEqual({
      metadata: { name: 'web' },
      spec: {
        progressDeadlineSeconds: 600,
        replicas: 1,
        revisionHistoryLimit: 10,
        selector: { matchLabels: { app: 'web' } },
        strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' }, type: 'RollingUpdate' },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            ...defaultedTemplateSpec,
            containers: [{ ...defaultedContainer, ports: [{ containerPort: 80, protocol: 'TCP' }] }],
          },
        },
      },
      status: {},
    });
  });

  it('Service with an allocated address', () => {
    const service = created('services', {
      metadata: { name: 'web' },
      spec: { clusterIP: '10.96.0.10', selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    expect(service).toEqual({
      metadata: { name: 'web' },
      spec: {
        clusterIP: '10.96.0.10',
        clusterIPs: ['10.96.0.10'],
        internalTrafficPolicy: 'Cluster',
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
        selector: { app: 'web' },
        sessionAffinity: 'None',
        type: 'ClusterIP',
      },
      status: { loadBalancer: {} },
    });
  });

  it('Service of type LoadBalancer with client affinity', () => {
    const { spec } = created('services', {
      metadata: { name: 'web' },
      spec: { type: 'LoadBalancer', sessionAffinity: 'ClientIP', ports: [{ port: 80, targetPort: 'http' }] },
    }) as unknown as { spec: unknown };
    expect(spec).toEqual({
      allocateLoadBalancerNodePorts: true,
      externalTrafficPolicy: 'Cluster',
      internalTrafficPolicy: 'Cluster',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 'http' }],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
      type: 'LoadBalancer',
    });
  });

  it('ExternalName Service', () => {
    const { spec } = created('services', {
      metadata: { name: 'db' },
      spec: { type: 'ExternalName', externalName: 'db.example.com' },
    }) as unknown as { spec: unknown };
    expect(spec).toEqual({ externalName: 'db.example.com', sessionAffinity: 'None', type: 'ExternalName' });
  });

  it('ReplicaSet, Namespace, Secret, EndpointSlice, Node', () => {
    expect(
      created('replicasets', {
        metadata: { name: 'a' },
        spec: {
          selector: { matchLabels: { app: 'a' } },
          template: {
            metadata: { labels: { app: 'a' } },
            spec: { containers: [{ name: 'web', image: 'nginx:1.27' }] },
          },
        },
      }),
    ).toMatchObject({ spec: { replicas: 1, template: { spec: defaultedTemplateSpec } }, status: { replicas: 0 } });
    expect(created('namespaces', { metadata: { name: 'dev' } })).toEqual({
      metadata: { name: 'dev', labels: { 'kubernetes.io/metadata.name': 'dev' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
    expect(
      created('secrets', {
        metadata: { name: 's' },
        data: { a: 'MQ==', b: 'MQ==' },
        stringData: { b: 'two', c: 'drei' },
      }),
    ).toEqual({ metadata: { name: 's' }, type: 'Opaque', data: { a: 'MQ==', b: 'dHdv', c: 'ZHJlaQ==' } });
    expect(
      created('endpointslices', { metadata: { name: 'e' }, addressType: 'IPv4', endpoints: [], ports: [{ port: 80 }] }),
    ).toMatchObject({ ports: [{ name: '', port: 80, protocol: 'TCP' }] });
    expect(
      created('nodes', {
        metadata: { name: 'n' },
        spec: { podCIDR: '10.1.0.0/24' },
        status: { capacity: { cpu: 2, memory: '2048Mi' } },
      }),
    ).toMatchObject({
      spec: { podCIDRs: ['10.1.0.0/24'] },
      status: { capacity: { cpu: '2', memory: '2Gi' }, allocatable: { cpu: '2', memory: '2Gi' } },
    });
  });
});

describe('defaults inside of a pod', () => {
  const spec = (given: Record<string, unknown>, container: Record<string, unknown> = {}): Record<string, unknown> => {
    const pod = created('pods', {
      metadata: { name: 'a' },
      spec: { ...given, containers: [{ name: 'web', image: 'nginx:1.27', ...container }] },
    });
    return (pod as unknown as { spec: Record<string, unknown> }).spec;
  };
  const first = (container: Record<string, unknown>, given: Record<string, unknown> = {}): unknown =>
    (spec(given, container)['containers'] as unknown[])[0];

  it.each([
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.27', 'IfNotPresent'],
    ['registry.example.com:5000/team/nginx', 'Always'],
    ['registry.example.com:5000/team/nginx:1', 'IfNotPresent'],
    [`nginx@sha256:${'0'.repeat(64)}`, 'IfNotPresent'],
    [`nginx:latest@sha256:${'0'.repeat(64)}`, 'Always'],
  ])('image %s: pull %s', (image, imagePullPolicy) => {
    expect(first({ image })).toMatchObject({ imagePullPolicy });
  });

  it('fills in probes', () => {
    expect(
      first({ readinessProbe: { httpGet: { port: 80 } }, livenessProbe: { grpc: { port: 9 }, timeoutSeconds: 5 } }),
    ).toMatchObject({
      readinessProbe: {
        failureThreshold: 3,
        httpGet: { path: '/', port: 80, scheme: 'HTTP' },
        periodSeconds: 10,
        successThreshold: 1,
        timeoutSeconds: 1,
      },
      livenessProbe: { grpc: { port: 9, service: '' }, timeoutSeconds: 5 },
    });
  });

  it('requests what is limited, in canonical quantities', () => {
    expect(first({ resources: { limits: { cpu: 0.5, memory: '1024Mi' }, requests: { cpu: '0.1' } } })).toMatchObject({
      resources: { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '100m', memory: '1Gi' } },
    });
  });

  it('fills in references of the environment', () => {
    expect(
      first({
        env: [
          { name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'B', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        ],
      }),
    ).toMatchObject({
      env: [
        { valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
        { valueFrom: { resourceFieldRef: { divisor: '0', resource: 'limits.cpu' } } },
      ],
    });
  });

  it('fills in volumes', () => {
    const volumes = [
      { name: 'a' },
      { name: 'b', configMap: { name: 'm' } },
      { name: 'c', secret: { secretName: 's', defaultMode: 256 } },
      { name: 'd', hostPath: { path: '/x' } },
      { name: 'e', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    ];
    expect(spec({ volumes })['volumes']).toEqual([
      { name: 'a', emptyDir: {} },
      { name: 'b', configMap: { name: 'm', defaultMode: 420 } },
      { name: 'c', secret: { secretName: 's', defaultMode: 256 } },
      { name: 'd', hostPath: { path: '/x', type: '' } },
      {
        name: 'e',
        projected: { defaultMode: 420, sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }] },
      },
    ]);
  });

  it('takes host ports on the network of the host', () => {
    expect(first({ ports: [{ containerPort: 80 }] }, { hostNetwork: true })).toMatchObject({
      ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }],
    });
  });

  it.each([
    ['BestEffort', {}],
    ['Burstable', { requests: { cpu: '1' } }],
    ['Guaranteed', { limits: { cpu: '1', memory: '1Gi' } }],
    ['Burstable', { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }],
  ])('quality of service %s', (qosClass, resources) => {
    const pod = created('pods', { metadata: {}, spec: { containers: [{ name: 'a', image: 'a:1', resources }] } });
    expect(pod).toMatchObject({ status: { qosClass } });
  });
});

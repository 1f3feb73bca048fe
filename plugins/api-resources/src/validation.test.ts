import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '@timonel/sdk/kube';
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { builtInKinds } from './registry.ts';

const kinds = builtInKinds({ nodes: () => [], env: { clock: {} } as never });

function kindOf(resource: string): ResourceDefinition {
  const kind = kinds.find((one) => one.resource === resource);
  if (kind === undefined) throw new Error(`no kind serves ${resource}`);
  return kind;
}

function defaulted(resource: string, object: object): KubeObject {
  const copy = { metadata: { name: 'x', namespace: 'default' }, ...structuredClone(object) } as KubeObject;
  kindOf(resource).strategy.default?.(copy);
  return copy;
}

/** Findings as kubectl prints them. */
function findings(resource: string, object: object): string[] {
  const found = kindOf(resource).strategy.validate?.(defaulted(resource, object)) ?? [];
  return found.map((finding) => `${finding.field}: ${finding.message}`);
}

function updateFindings(resource: string, object: object, old: object): string[] {
  const { strategy } = kindOf(resource);
  const before = defaulted(resource, old);
  const after = defaulted(resource, object);
  strategy.prepareForUpdate?.(after, before);
  return (strategy.validateUpdate?.(after, before) ?? []).map((finding) => `${finding.field}: ${finding.message}`);
}

const container = { name: 'web', image: 'nginx:1' };
const pod = (spec: object, first: object = {}): object => ({
  spec: { containers: [{ ...container, ...first }], ...spec },
});

describe('pods', () => {
  it.each<[string, object, string[]]>([
    ['no container', { spec: { containers: [] } }, ['spec.containers: Required value']],
    ['no image', pod({}, { image: '' }), ['spec.containers[0].image: Required value']],
    [
      'image with blanks',
      pod({}, { image: ' a' }),
      ['spec.containers[0].image: Invalid value: " a": must not have leading or trailing whitespace'],
    ],
    ['no name', pod({}, { name: '' }), ['spec.containers[0].name: Required value']],
    [
      'bad name',
      pod({}, { name: 'A' }),
      [
        `spec.containers[0].name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name', or '123-abc')`,
      ],
    ],
    [
      'same name twice',
      { spec: { containers: [container, container] } },
      ['spec.containers[1].name: Duplicate value: "web"'],
    ],
    [
      'same name as an init container',
      pod({ initContainers: [container] }),
      ['spec.initContainers[0].name: Duplicate value: "web"'],
    ],
    [
      'restart policy',
      pod({ restartPolicy: 'Never!' }),
      ['spec.restartPolicy: Unsupported value: "Never!": supported values: "Always", "Never", "OnFailure"'],
    ],
    [
      'pull policy',
      pod({}, { imagePullPolicy: 'Sometimes' }),
      [
        'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
      ],
    ],
    [
      'mount of no volume',
      pod({}, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
    ],
    [
      'two mounts at one path',
      pod(
        { volumes: [{ name: 'v' }] },
        {
          volumeMounts: [
            { name: 'v', mountPath: '/v' },
            { name: 'v', mountPath: '/v' },
          ],
        },
      ),
      ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique'],
    ],
    [
      'two sources of a volume',
      pod({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] }),
      ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'port',
      pod({}, { ports: [{ containerPort: 70_000 }] }),
      ['spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive'],
    ],
    [
      'port names',
      pod(
        {},
        {
          ports: [
            { name: 'a', containerPort: 1 },
            { name: 'a', containerPort: 2 },
          ],
        },
      ),
      ['spec.containers[0].ports[1].name: Duplicate value: "a"'],
    ],
    ['env without name', pod({}, { env: [{ value: 'x' }] }), ['spec.containers[0].env[0].name: Required value']],
    [
      'env with two sources',
      pod({}, { env: [{ name: 'A', value: 'x', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }),
      ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
    ],
    [
      'probe without handler',
      pod({}, { livenessProbe: {} }),
      ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
    ],
    [
      'liveness threshold',
      pod({}, { livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } }),
      ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
    ],
    [
      'request above the limit',
      pod({}, { resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } }),
      ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
    ],
    [
      'toleration',
      pod({ tolerations: [{ operator: 'Equal' }] }),
      [
        'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      'deadline',
      pod({ activeDeadlineSeconds: 0 }),
      ['spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive'],
    ],
    [
      'privileges',
      pod({}, { securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
      [
        'spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      ],
    ],
    [
      'a rich and valid pod',
      pod(
        {
          initContainers: [{ name: 'i', image: 'i' }],
          volumes: [{ name: 'v' }],
          tolerations: [{ operator: 'Exists' }],
        },
        { volumeMounts: [{ name: 'v', mountPath: '/v' }], env: [{ name: 'A_b.c-1', value: '' }] },
      ),
      [],
    ],
  ])('%s', (_name, object, expected) => {
    expect(findings('pods', object)).toEqual(expected);
  });

  const forbidden = expect.stringMatching(
    /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`/,
  );
  it.each<[string, object, object, unknown[]]>([
    ['image', pod({}), pod({}, { image: 'nginx:2', imagePullPolicy: 'IfNotPresent' }), []],
    ['command', pod({}), pod({}, { command: ['x'] }), [forbidden]],
    ['node', pod({ nodeName: 'a' }), pod({ nodeName: 'b' }), [forbidden]],
    ['more tolerations', pod({}), pod({ tolerations: [{ key: 'a', operator: 'Exists' }] }), []],
    [
      'fewer tolerations',
      pod({ tolerations: [{ key: 'a', operator: 'Exists' }] }),
      pod({}),
      ['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds'],
    ],
    ['a deadline', pod({}), pod({ activeDeadlineSeconds: 5 }), []],
    [
      'a later deadline',
      pod({ activeDeadlineSeconds: 5 }),
      pod({ activeDeadlineSeconds: 6 }),
      ['spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value'],
    ],
    [
      'one container more',
      pod({}),
      { spec: { containers: [container, { name: 'b', image: 'b' }] } },
      ['spec.containers: Forbidden: pod updates may not add or remove containers'],
    ],
    ['gates away', pod({ schedulingGates: [{ name: 'a/b' }] }), pod({}), []],
  ])('update: %s', (_name, old, object, expected) => {
    expect(updateFindings('pods', object, old)).toEqual(expected);
  });

  it.each<[string, object, number | undefined, number]>([
    ['not bound', pod({}), undefined, 0],
    ['bound', pod({ nodeName: 'n' }), undefined, 30],
    ['its own period', pod({ nodeName: 'n', terminationGracePeriodSeconds: 5 }), undefined, 5],
    ['asked for', pod({ nodeName: 'n' }), 3, 3],
    ['at once', pod({ nodeName: 'n' }), 0, 0],
    ['ended', { ...pod({ nodeName: 'n' }), status: { phase: 'Succeeded' } }, undefined, 0],
  ])('grace period: %s', (_name, object, asked, seconds) => {
    expect(kindOf('pods').strategy.gracePeriodSeconds?.(defaulted('pods', object), asked)).toBe(seconds);
  });
});

const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [container] } };
const workload = (spec: object): object => ({ spec: { selector: { matchLabels: { app: 'a' } }, template, ...spec } });

describe('workloads', () => {
  it.each<[string, object, string[]]>([
    ['valid', workload({}), []],
    ['no selector', workload({ selector: undefined }), ['spec.selector: Required value']],
    [
      'empty selector',
      workload({ selector: {} }),
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    [
      'selector of other pods',
      workload({ selector: { matchLabels: { app: 'b' } } }),
      ['spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`'],
    ],
    [
      'negative replicas',
      workload({ replicas: -1 }),
      ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'pods that end',
      workload({ template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } }),
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      'standstill',
      workload({ strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: '0%' } } }),
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
    ],
    [
      'recreate with a rolling update',
      workload({ strategy: { type: 'Recreate', rollingUpdate: {} } }),
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      'more than all unavailable',
      workload({ strategy: { rollingUpdate: { maxUnavailable: '120%' } } }),
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "120%": must not be greater than 100%'],
    ],
    [
      'deadline before pods can be available',
      workload({ minReadySeconds: 600 }),
      ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
    ],
  ])('deployment: %s', (_name, object, expected) => {
    expect(findings('deployments', object)).toEqual(expected);
  });

  it.each(['deployments', 'replicasets'])('%s keep their selector', (resource) => {
    const changed = workload({ selector: { matchLabels: { app: 'a', tier: 'b' } } });
    expect(updateFindings(resource, changed, workload({}))).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"a","tier":"b"}}: field is immutable',
    ]);
    expect(updateFindings(resource, workload({ replicas: 3 }), workload({}))).toEqual([]);
  });
});

describe('services', () => {
  const service = (spec: object): object => ({ spec: { ports: [{ port: 80 }], ...spec } });

  it.each<[string, object, string[]]>([
    ['valid', service({ clusterIP: '10.0.0.1' }), []],
    ['headless without ports', service({ clusterIP: 'None', ports: [] }), []],
    ['no port', service({ ports: [] }), ['spec.ports: Required value']],
    [
      'port',
      service({ ports: [{ port: 0 }] }),
      [
        'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
        'spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive',
      ],
    ],
    [
      'unnamed ports',
      service({ ports: [{ port: 1, name: 'a' }, { port: 2 }] }),
      ['spec.ports[1].name: Required value'],
    ],
    [
      'same port twice',
      service({
        ports: [
          { port: 1, name: 'a' },
          { port: 1, name: 'b' },
        ],
      }),
      ['spec.ports[1]: Duplicate value: {"port":1,"protocol":"TCP"}'],
    ],
    [
      'type',
      service({ type: 'Proxy' }),
      [
        'spec.type: Unsupported value: "Proxy": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
      ],
    ],
    [
      'node port of a cluster IP',
      service({ ports: [{ port: 1, nodePort: 30_001 }] }),
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    [
      'node port out of range',
      service({ type: 'NodePort', ports: [{ port: 1, nodePort: 80 }] }),
      [
        'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
      ],
    ],
    [
      'address',
      service({ clusterIP: 'ten' }),
      ['spec.clusterIPs[0]: Invalid value: "ten": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ],
    ['external name', service({ type: 'ExternalName' }), ['spec.externalName: Required value']],
  ])('%s', (_name, object, expected) => {
    expect(findings('services', object)).toEqual(expected);
  });

  it('keeps its address when a replace leaves it out, and refuses another', () => {
    const old = service({ clusterIP: '10.0.0.1' });
    expect(updateFindings('services', service({}), old)).toEqual([]);
    expect(updateFindings('services', service({ clusterIP: '10.0.0.2' }), old)).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set',
    ]);
  });

  it('keeps node ports while they are used, and drops them after', () => {
    const { strategy } = kindOf('services');
    const old = defaulted(
      'services',
      service({ type: 'NodePort', clusterIP: '10.0.0.1', ports: [{ port: 80, nodePort: 30_005 }] }),
    );
    const kept = defaulted('services', service({ type: 'NodePort' }));
    strategy.prepareForUpdate?.(kept, old);
    expect(kept).toMatchObject({ spec: { clusterIP: '10.0.0.1', ports: [{ nodePort: 30_005 }] } });
    const dropped = defaulted('services', {
      spec: { ...(old as unknown as { spec: object }).spec, type: 'ClusterIP' },
    });
    strategy.prepareForUpdate?.(dropped, old);
    expect(strategy.validate?.(dropped)).toEqual([]);
    expect(dropped).toMatchObject({ spec: { type: 'ClusterIP', ports: [{ port: 80 }] } });
  });
});

describe('data', () => {
  const limit = 'Too long: may not be more than 1048576 bytes';
  it.each<[string, string, object, string[]]>([
    ['configmaps', 'valid', { data: { 'a.b-C_1': 'x' }, binaryData: { c: 'AA==' } }, []],
    [
      'configmaps',
      'key',
      { data: { 'a b': 'x' } },
      [
        `data[a b]: Invalid value: "a b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', or 'KEY_NAME', or 'key-name')`,
      ],
    ],
    [
      'configmaps',
      'empty key',
      { data: { '': 'x' } },
      [
        `data[]: Invalid value: "": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', or 'KEY_NAME', or 'key-name')`,
      ],
    ],
    ['configmaps', 'dots', { data: { '..': 'x' } }, [`data[..]: Invalid value: "..": must not be '..'`]],
    [
      'configmaps',
      'key twice',
      { data: { a: 'x' }, binaryData: { a: 'AA==' } },
      ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
    ],
    ['configmaps', 'size', { data: { a: 'x'.repeat(1_048_577) } }, [`: ${limit}`]],
    ['configmaps', 'size at the limit', { data: { a: 'x'.repeat(1_048_576) } }, []],
    ['secrets', 'size', { stringData: { a: 'x'.repeat(1_048_577) } }, [`data: ${limit}`]],
    ['secrets', 'not base64', { data: { a: '?' } }, ['data[a]: Invalid value: "<value omitted>": must be base64']],
    ['secrets', 'tls', { type: 'kubernetes.io/tls', data: { 'tls.crt': 'AA==' } }, ['data[tls.key]: Required value']],
  ])('%s: %s', (resource, _name, object, expected) => {
    expect(findings(resource, object)).toEqual(expected);
  });

  it('does not change what is immutable', () => {
    const old = { data: { a: 'MQ==' }, immutable: true };
    expect(updateFindings('configmaps', { data: { a: 'Mg==' } }, old)).toEqual([
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
    expect(updateFindings('secrets', { ...old, type: 'x/y' }, old)).toEqual([
      'type: Invalid value: "x/y": field is immutable',
    ]);
    expect(updateFindings('configmaps', old, old)).toEqual([]);
  });
});

describe('others', () => {
  it.each<[string, string, object, string[]]>([
    [
      'nodes',
      'taint',
      { spec: { taints: [{ key: 'a', effect: 'Never' }] } },
      [
        'spec.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
      ],
    ],
    [
      'endpointslices',
      'type',
      { addressType: 'IPv5', endpoints: [] },
      ['addressType: Unsupported value: "IPv5": supported values: "FQDN", "IPv4", "IPv6"'],
    ],
    [
      'endpointslices',
      'address',
      { addressType: 'IPv4', endpoints: [{ addresses: ['::1'] }] },
      ['endpoints[0].addresses[0]: Invalid value: "::1": must be an IPv4 address'],
    ],
    [
      'endpointslices',
      'no address',
      { addressType: 'IPv4', endpoints: [{ addresses: [] }] },
      ['endpoints[0].addresses: Required value: must contain at least 1 address'],
    ],
    [
      'leases',
      'duration',
      { spec: { leaseDurationSeconds: 0 } },
      ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
    ],
    [
      'events',
      'namespace',
      { involvedObject: { namespace: 'other' } },
      ['involvedObject.namespace: Invalid value: "other": does not match event.namespace'],
    ],
    [
      'endpoints',
      'address',
      { subsets: [{ addresses: [{ ip: 'x' }] }] },
      ['subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ],
  ])('%s: %s', (resource, _name, object, expected) => {
    expect(findings(resource, object)).toEqual(expected);
  });

  it('gives a node its pod network once', () => {
    const cidr = (podCIDR: string): object => ({ spec: podCIDR === '' ? {} : { podCIDR } });
    expect(updateFindings('nodes', cidr('10.1.0.0/24'), cidr(''))).toEqual([]);
    expect(updateFindings('nodes', cidr('10.2.0.0/24'), cidr('10.1.0.0/24'))).toContain(
      'spec.podCIDR: Forbidden: node updates may not change podCIDR except from "" to valid',
    );
  });

  it('holds a namespace until it is finalized', () => {
    const { strategy } = kindOf('namespaces');
    const namespace = defaulted('namespaces', {});
    strategy.prepareForCreate?.(namespace);
    expect(strategy.finalizers?.(namespace)).toEqual(['kubernetes']);
    strategy.prepareForDelete?.(namespace);
    expect(namespace).toMatchObject({ status: { phase: 'Terminating' } });
  });
});

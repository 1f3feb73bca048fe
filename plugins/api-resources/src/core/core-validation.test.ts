import { describe, expect, it } from '@jest/globals';
import { defaulted, findings, kindOf, updateFindings } from '../testing/kinds-under-test.ts';

describe('services', () => {
  const service = (spec: object): object => ({ spec: { ports: [{ port: 80 }], ...spec } });

  it.each<[string, object, unknown[]]>([
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
    [
      'class and ranges of a load balancer',
      service({ type: 'LoadBalancer', loadBalancerClass: 'bad name', loadBalancerSourceRanges: ['10.0.0.0/8', 'x'] }),
      [
        expect.stringMatching(/^spec\.loadBalancerClass: Invalid value: "bad name": /),
        'spec.loadBalancerSourceRanges[1]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      ],
    ],
    [
      'what only services that are reached from outside have',
      service({
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 30_001,
        loadBalancerClass: 'a.b/c',
        loadBalancerSourceRanges: ['10.0.0.0/8'],
      }),
      [
        "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
        "spec.loadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
        'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
        "spec.healthCheckNodePort: Invalid value: 30001: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ],
    ],
    [
      'families',
      service({ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', '10.0.0.2'], ipFamilies: ['IPv6', 'IPv6'] }),
      [
        'spec.ipFamilies[1]: Duplicate value: "IPv6"',
        'spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family',
        'spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`',
      ],
    ],
    [
      'distribution of traffic',
      service({ trafficDistribution: 'Far' }),
      [
        'spec.trafficDistribution: Unsupported value: "Far": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"',
      ],
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

  it('keeps both addresses when a replace names the first alone, unless it asks for one only', () => {
    const { strategy } = kindOf('services');
    const addresses = { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', 'fd00::1'] };
    const both = { ...addresses, ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' };
    const replaced = (spec: object): unknown => {
      const now = defaulted('services', service(spec));
      strategy.prepareForUpdate?.(now, defaulted('services', service(both)));
      return now;
    };
    expect(replaced({ clusterIP: '10.0.0.1' })).toMatchObject({ spec: both });
    expect(replaced({})).toMatchObject({ spec: both });
    const one = { clusterIPs: ['10.0.0.1'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' };
    expect(replaced({ clusterIP: '10.0.0.1', ipFamilyPolicy: 'SingleStack' })).toMatchObject({ spec: one });
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

import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import type { EndpointSlice, Service, ServicePort } from '../../kube/index.ts';
import { buildServiceRules } from './index.ts';

type Endpoint = EndpointSlice['endpoints'][number];

function service(name: string, spec: Partial<Service['spec']>, namespace = 'default'): Service {
  return { metadata: { namespace, name }, spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }], ...spec } };
}

function slice(serviceName: string, endpoints: readonly Endpoint[], more: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    metadata: { namespace: 'default', name: 'slice', labels: { 'kubernetes.io/service-name': serviceName } },
    addressType: 'IPv4',
    ports: [{ port: 8080 }],
    endpoints: [...endpoints],
    ...more,
  };
}

const ready = (...addresses: string[]): Endpoint => ({ addresses, conditions: { ready: true } });
const terminating = (address: string, serving: boolean): Endpoint => ({
  addresses: [address],
  conditions: { ready: false, serving, terminating: true },
});

/** `address:port` of the backends of the only rule. */
function backendsOf(services: Service[], slices: EndpointSlice[]): string[] {
  const rules = buildServiceRules(services, slices);
  expect(rules).toHaveLength(1);
  return (rules[0]?.backends ?? []).map(({ address, port }) => `${address}:${port}`);
}

it('a slice without a list of endpoints, as a client may send it, has none', () => {
  const nothing = { ...slice('web', []), endpoints: null as unknown as Endpoint[] };
  expect(backendsOf([service('web', {})], [nothing, slice('web', [ready('10.0.0.1')])])).toEqual(['10.0.0.1:8080']);
});

it('takes nulls of clients for what is absent: one without a number would make a data plane refuse all', () => {
  const absent = null as never;
  const endpoint = { addresses: ['10.0.0.1'], conditions: absent, nodeName: absent };
  const named = service('web', { ports: [{ name: absent, port: 80, nodePort: absent, protocol: absent }] });
  const slices = [
    slice('web', [endpoint], { ports: [{ name: '', port: absent }] }),
    slice('web', [endpoint], { ports: [{ name: absent, port: 8080, protocol: absent }] }),
  ];
  expect(buildServiceRules([named], slices)).toMatchObject([
    {
      id: 'default/web:80',
      nodePort: undefined,
      backends: [{ address: '10.0.0.1', port: 8080, nodeName: undefined }],
    },
  ]);
});

it('the addresses of a load balancer are external IPs, unless it is a proxy, or the service has another type by now', () => {
  const rulesOf = (type: string, ingress: object[]): unknown => {
    const spec = { type, externalIPs: ['192.0.2.1'] };
    const status = { loadBalancer: { ingress } };
    return buildServiceRules([{ ...service('web', spec), status }], [])[0]?.externalIPs;
  };
  const ingress = [{ ip: '192.0.2.7' }, { ip: '192.0.2.1', ipMode: 'VIP' }, { hostname: 'a.example' }];
  expect(rulesOf('LoadBalancer', ingress)).toEqual(['192.0.2.1', '192.0.2.7']);
  expect(rulesOf('LoadBalancer', [{ ip: '192.0.2.7', ipMode: 'Proxy' }])).toEqual(['192.0.2.1']);
  expect(rulesOf('NodePort', ingress)).toEqual(['192.0.2.1']);
});

it('source ranges restrict the addresses of a load balancer, and those that are none allow nobody', () => {
  const restrictionOf = (spec: Partial<Service['spec']>, annotations: Record<string, string> = {}): unknown => {
    const made = service('web', { type: 'LoadBalancer', externalIPs: ['192.0.2.1'], ...spec });
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.7' }] } };
    return buildServiceRules([{ ...made, metadata: { ...made.metadata, annotations }, status }], [])[0]?.restricted;
  };
  const addresses = ['192.0.2.7'];
  const ranges = ['192.0.2.4/32', '10.1.2.3/8 ', '10.1.0.0/16', '192.0.2.4/32', 'x'];
  expect(restrictionOf({ loadBalancerSourceRanges: ranges })).toEqual({
    addresses,
    sources: ['10.0.0.0/8', '192.0.2.4/32'],
  });
  expect(restrictionOf({ loadBalancerSourceRanges: ['10.0.0.0/8', '0.0.0.0/0'] })).toBeUndefined();
  const annotation = { 'service.beta.kubernetes.io/load-balancer-source-ranges': '10.0.0.0/8,' };
  expect(restrictionOf({}, annotation)).toEqual({ addresses, sources: ['10.0.0.0/8'] });
  expect(restrictionOf({ loadBalancerSourceRanges: ['x'] })).toEqual({ addresses, sources: [] });
  expect(restrictionOf({ loadBalancerSourceRanges: ['2001:DB8:1::5/48', '2001:db8:1:2::/64', '0.0.0.0/0'] })).toEqual({
    addresses,
    sources: ['0.0.0.0/0', '2001:db8:1::/48'],
  });
  for (const all of [['0.0.0.0/0'], ['::/0', '0.0.0.0/0']])
    expect(restrictionOf({ loadBalancerSourceRanges: all })).toBeUndefined();
  expect([restrictionOf({}), restrictionOf({ type: 'NodePort', loadBalancerSourceRanges: ['10.0.0.0/8'] })]).toEqual([
    undefined,
    undefined,
  ]);
});

describe('buildServiceRules: services', () => {
  const base = {
    id: 'default/web:80',
    protocol: 'TCP',
    port: 80,
    clusterIPs: ['10.96.0.1'],
    externalIPs: [],
    nodePort: undefined,
    affinitySeconds: undefined,
    backends: [],
  };
  const port = (fields: Partial<ServicePort>): ServicePort[] => [{ port: 80, ...fields }];

  it.each<[string, Partial<Service['spec']>, object[]]>([
    ['one port without a name', {}, [base]],
    ['an empty port name', { ports: port({ name: '' }) }, [base]],
    ['a named port', { ports: port({ name: 'http' }) }, [{ ...base, id: 'default/web:http' }]],
    ['a protocol', { ports: port({ protocol: 'UDP' }) }, [{ ...base, protocol: 'UDP' }]],
    ['a node port', { type: 'NodePort', ports: port({ nodePort: 30_080 }) }, [{ ...base, nodePort: 30_080 }]],
    ['a node port of 0, which is none', { ports: port({ nodePort: 0 }) }, [base]],
    ['no ports', { ports: [] }, []],
    ['a headless service', { clusterIP: 'None', clusterIPs: ['None'] }, []],
    ['a service whose address is not given yet', { clusterIP: '' }, []],
    ['an ExternalName service', { type: 'ExternalName', externalName: 'a.example', externalIPs: ['192.0.2.1'] }, []],
    ['both families', { clusterIPs: ['10.96.0.1', 'fd00::1'] }, [{ ...base, clusterIPs: ['10.96.0.1', 'fd00::1'] }]],
    ['external IPs', { externalIPs: ['192.0.2.1'] }, [{ ...base, externalIPs: ['192.0.2.1'] }]],
    [
      'external IPs of a headless service',
      { clusterIP: 'None', externalIPs: ['192.0.2.1'] },
      [{ ...base, clusterIPs: [], externalIPs: ['192.0.2.1'] }],
    ],
    ['affinity by its default time', { sessionAffinity: 'ClientIP' }, [{ ...base, affinitySeconds: 10_800 }]],
    [
      'affinity with a time',
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
      [{ ...base, affinitySeconds: 60 }],
    ],
    ['no affinity', { sessionAffinity: 'None', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }, [base]],
  ])('%s', (_, spec, expected) => {
    expect(buildServiceRules([service('web', spec)], [])).toEqual(expected);
  });

  it('sorts by id, and keeps services of one name in two namespaces apart', () => {
    const ports = [
      { name: 'b', port: 2 },
      { name: 'a', port: 1 },
    ] as ServicePort[];
    const services = [service('web', { ports }), service('api', {}), service('web', {}, 'apart')];
    const rules = buildServiceRules(services, [slice('web', [ready('10.1.0.1')])]);
    expect(rules.map(({ id }) => id)).toEqual(['apart/web:80', 'default/api:80', 'default/web:a', 'default/web:b']);
    expect(rules.map(({ backends }) => backends.length)).toEqual([0, 0, 0, 0]);
  });
});

describe('buildServiceRules: backends', () => {
  const web = service('web', {});

  it('come from all slices of the service, sorted, each once', () => {
    const slices = [
      slice('web', [ready('10.1.0.3'), ready('10.1.0.1')]),
      slice('web', [ready('10.1.0.2'), ready('10.1.0.3')]),
      slice('other', [ready('10.1.0.9')]),
      slice('web', [ready('10.1.0.8')], { metadata: { namespace: 'apart', name: 'x', labels: {} } }),
    ];
    expect(backendsOf([web], slices)).toEqual(['10.1.0.1:8080', '10.1.0.2:8080', '10.1.0.3:8080']);
  });

  it('a slice in another namespace, without the label, without ports, or of names, counts for nothing', () => {
    const labels = { 'kubernetes.io/service-name': 'web' };
    const slices = [
      slice('web', [ready('10.1.0.1')], { metadata: { namespace: 'apart', name: 'x', labels } }),
      slice('web', [ready('10.1.0.1')], { metadata: { namespace: 'default', name: 'x' } }),
      slice('web', [ready('10.1.0.1')], { ports: [] }),
      slice('web', [ready('a.example')], { addressType: 'FQDN' }),
    ];
    expect(backendsOf([web], slices)).toEqual([]);
  });

  it('go by the name and protocol of the port; slices may differ in the number behind one name', () => {
    const named = service('web', { ports: [{ name: 'http', port: 80, targetPort: 'http' }] });
    const slices = [
      slice('web', [ready('10.1.0.1')], { ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] }),
      slice('web', [ready('10.1.0.2')], {
        ports: [
          { name: 'metrics', port: 9090 },
          { name: 'http', port: 8081 },
        ],
      }),
      slice('web', [ready('10.1.0.3')], { ports: [{ name: 'http', port: 53, protocol: 'UDP' }] }),
      slice('web', [ready('10.1.0.4')], { ports: [{ name: '', port: 80 }] }),
    ];
    expect(backendsOf([named], slices)).toEqual(['10.1.0.1:8080', '10.1.0.2:8081']);
  });

  it.each<[string, Endpoint[], string[]]>([
    ['an unknown readiness counts as ready', [{ addresses: ['10.1.0.1'] }], ['10.1.0.1:8080']],
    ['one that is not ready is left out', [{ addresses: ['10.1.0.1'], conditions: { ready: false } }], []],
    [
      'terminating ones are left out while one is ready',
      [terminating('10.1.0.1', true), ready('10.1.0.2')],
      ['10.1.0.2:8080'],
    ],
    [
      'without a ready one, those that serve while they end are used',
      [terminating('10.1.0.1', true), terminating('10.1.0.2', false)],
      ['10.1.0.1:8080'],
    ],
    [
      'serving alone, without terminating, is not enough',
      [{ addresses: ['10.1.0.1'], conditions: { ready: false, serving: true } }],
      [],
    ],
    [
      'publishNotReadyAddresses shows in the slice as ready',
      [{ addresses: ['10.1.0.1'], conditions: { ready: true, serving: false, terminating: true } }],
      ['10.1.0.1:8080'],
    ],
    ['all addresses of an endpoint', [ready('10.1.0.2', '10.1.0.1')], ['10.1.0.1:8080', '10.1.0.2:8080']],
  ])('%s', (_, endpoints, expected) => {
    expect(backendsOf([web], [slice('web', endpoints)])).toEqual(expected);
  });

  it('is ready when one of two slices says so', () => {
    const slices = [slice('web', [terminating('10.1.0.1', true)]), slice('web', [ready('10.1.0.1')])];
    expect(backendsOf([web], slices)).toEqual(['10.1.0.1:8080']);
  });
});

describe('buildServiceRules: order', () => {
  it('gives the same rules for the same objects in any order', () => {
    const { random } = createSimulatedEnv({ seed: 'service-rules' });
    const shuffled = <T>(list: readonly T[]): T[] =>
      list
        .map((item) => ({ item, at: random.next() }))
        .sort((one, other) => one.at - other.at)
        .map(({ item }) => item);
    const endpoint = (): Endpoint => ({
      addresses: [`10.1.0.${random.int(12)}`],
      nodeName: `node-${random.int(3)}`,
      conditions: { ready: random.int(3) > 0, serving: random.int(2) > 0, terminating: random.int(2) > 0 },
    });
    for (let round = 0; round < 100; round++) {
      const names = Array.from({ length: 1 + random.int(8) }, (_, index) => `service-${index}`);
      const services = names.map((name) =>
        service(name, { clusterIP: random.int(6) === 0 ? 'None' : `10.96.0.${random.int(250)}` }),
      );
      const slices = Array.from({ length: random.int(20) }, () =>
        slice(names[random.int(names.length)] ?? '', Array.from({ length: random.int(6) }, endpoint)),
      );
      const expected = buildServiceRules(services, slices);
      const again = buildServiceRules(
        shuffled(services),
        shuffled(slices).map((each) => ({ ...each, endpoints: shuffled(each.endpoints) })),
      );
      expect(again).toEqual(expected);
    }
  });
});

it('the service of the API is for clients of the cluster only; others of its name are not', () => {
  const slices = [slice('kubernetes', [ready('10.244.0.1')])];
  const insideOnly = (one: Service): unknown => buildServiceRules([one], slices)[0]?.insideOnly;
  expect(insideOnly(service('kubernetes', {}))).toBe(true);
  expect(insideOnly(service('kubernetes', {}, 'other'))).toBeUndefined();
  expect(insideOnly(service('web', {}))).toBeUndefined();
});

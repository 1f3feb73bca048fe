import { describe, expect, it } from '@jest/globals';
import type { EndpointSlice, Service } from '../../kube/index.ts';
import { buildServiceRules, ServiceRuleBuilder, type ServicePortRule } from './index.ts';

type Endpoint = EndpointSlice['endpoints'][number];

const node = { name: 'n1', zone: 'za' };

function on(nodeName: string, address: string, more: Partial<Endpoint> = {}): Endpoint {
  return { addresses: [address], nodeName, conditions: { ready: true }, ...more };
}

const ending = { conditions: { ready: false, serving: true, terminating: true } };

function ruleOf(
  spec: Partial<Service['spec']>,
  endpoints: readonly Endpoint[],
  of = node,
): ServicePortRule | undefined {
  const labels = { 'kubernetes.io/service-name': 'web' };
  const service = {
    metadata: { namespace: 'd', name: 'web' },
    spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }], ...spec },
  };
  const slice = {
    metadata: { namespace: 'd', name: 's', labels },
    addressType: 'IPv4',
    ports: [{ port: 8080 }],
    endpoints: [...endpoints],
  };
  return buildServiceRules([service], [slice], of)[0];
}

const addresses = (backends: ServicePortRule['backends'] | undefined): string | undefined =>
  backends?.map(({ address }) => address).join(' ');

/** ClusterIP; external where it differs; clients outside where it differs. */
function shown(spec: Partial<Service['spec']>, ...endpoints: Endpoint[]): readonly unknown[] {
  const rule = ruleOf(spec, endpoints);
  const parts = [rule?.backends, rule?.externalBackends, rule?.outsideBackends].map(addresses);
  return rule?.silent === true ? [...parts, 'silent'] : parts;
}

const [here, there] = [on('n1', '10.0.1.1'), on('n2', '10.0.2.1')];
const [internal, external] = [{ internalTrafficPolicy: 'Local' }, { externalTrafficPolicy: 'Local' }];

describe('traffic policies', () => {
  it.each<[string, Partial<Service['spec']>, Endpoint[], readonly unknown[]]>([
    ['Cluster: all', {}, [here, there], ['10.0.1.1 10.0.2.1', undefined, undefined]],
    [
      'internal Local: those of the node, outside all',
      internal,
      [here, there],
      ['10.0.1.1', '10.0.1.1 10.0.2.1', undefined],
    ],
    ['internal Local, none here: silent', internal, [there], ['', '10.0.2.1', undefined, 'silent']],
    ['internal Local, none anywhere: refused', internal, [], ['', '', undefined]],
    [
      'external Local: clients outside only those of the node',
      external,
      [here, there],
      ['10.0.1.1 10.0.2.1', undefined, '10.0.1.1'],
    ],
    ['external Local, none here: clients outside get no answer', external, [there], ['10.0.2.1', undefined, '']],
    ['external Local, none anywhere: refused', external, [], ['', undefined, undefined]],
    ['both', { ...internal, ...external }, [here, there], ['10.0.1.1', '10.0.1.1 10.0.2.1', '10.0.1.1']],
    [
      'one that ends here serves clients outside while there is no other here',
      external,
      [on('n1', '10.0.1.1', ending), there],
      ['10.0.2.1', undefined, '10.0.1.1'],
    ],
  ])('%s', (_, spec, endpoints, expected) => {
    expect(shown(spec, ...endpoints)).toEqual(expected);
  });

  it('the health check counts the ready endpoints of the node', () => {
    const spec = { type: 'LoadBalancer', ...external, healthCheckNodePort: 30_123 };
    const endpoints = [here, on('n1', '10.0.1.2', ending), there];
    expect(ruleOf(spec, endpoints)?.healthCheck).toEqual({ port: 30_123, localEndpoints: 1 });
    expect(ruleOf({ ...spec, externalTrafficPolicy: 'Cluster' }, endpoints)?.healthCheck).toBeUndefined();
    expect(ruleOf({ ...spec, type: 'NodePort' }, endpoints)?.healthCheck).toBeUndefined();
  });
});

describe('topology hints', () => {
  const hint = (zone: string, ...nodes: string[]): Partial<Endpoint> => ({
    hints: { forZones: [{ name: zone }], ...(nodes.length > 0 ? { forNodes: nodes.map((name) => ({ name })) } : {}) },
  });

  it.each<[string, Endpoint[], string]>([
    ['those for the zone', [on('n2', '1', hint('za')), on('n3', '2', hint('zb'))], '1'],
    ['all, when one has no hint', [on('n2', '1', hint('za')), on('n3', '2')], '1 2'],
    ['all, when none is for the zone', [on('n2', '1', hint('zc')), on('n3', '2', hint('zb'))], '1 2'],
    [
      'those for the node before those for the zone',
      [on('n1', '1', hint('za', 'n1')), on('n2', '2', hint('za', 'n2'))],
      '1',
    ],
    [
      'those for the zone, when none is for the node',
      [on('n2', '1', hint('za', 'n2')), on('n3', '2', hint('zb', 'n3'))],
      '1',
    ],
  ])('%s', (_, endpoints, expected) => {
    expect(shown({}, ...endpoints)[0]).toBe(expected);
  });

  it('a node without a zone, and rules for no node, have all', () => {
    const endpoints = [on('n2', '1', hint('za')), on('n3', '2', hint('zb'))];
    expect(addresses(ruleOf({}, endpoints, { name: 'n1' } as typeof node)?.backends)).toBe('1 2');
  });
});

describe('a builder of rules', () => {
  const sliceFor = (name: string, address: string): EndpointSlice => ({
    metadata: { namespace: 'd', name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ port: 8080 }],
    endpoints: [on('n1', address)],
  });
  const serviceFor = (name: string): Service => ({
    metadata: { namespace: 'd', name },
    spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }] },
  });

  it('keeps the rules of services of which nothing changed, and of no others', () => {
    const builder = new ServiceRuleBuilder();
    const [a, b, sliceA, sliceB] = [serviceFor('a'), serviceFor('b'), sliceFor('a', '1'), sliceFor('b', '2')];
    const first = builder.build([a, b], [sliceA, sliceB], node);
    const steps: [services: Service[], slices: EndpointSlice[], of: typeof node, same: boolean[]][] = [
      [[a, b], [sliceA, sliceB], { ...node }, [true, true]],
      [[a, b], [sliceA, sliceFor('b', '3')], node, [true, false]],
      [[serviceFor('a'), b], [sliceA, sliceB], node, [false, false]],
      [[a, b], [sliceA, sliceB], { ...node, zone: 'zb' }, [false, false]],
    ];
    let last = first;
    for (const [services, slices, of, same] of steps) {
      const now = builder.build(services, slices, of);
      expect(now.map((rule, index) => rule === last[index])).toEqual(same);
      expect(now).toEqual(buildServiceRules(services, slices, of));
      last = now;
    }
  });
});

import { describe, expect, it } from '@jest/globals';
import { findings, kindOf } from '../testing/kinds-under-test.ts';
import { canonicalAddress, cidrProblems, isInsideOf } from '../validation/addresses.ts';

const backend = { service: { name: 'web', port: { number: 80 } } };

describe('addresses', () => {
  it.each(['10.0.0.0/8', '192.0.2.1/32', 'fd00::/8', '::/0'])('%s is a range', (text) => {
    expect(cidrProblems(text)).toEqual([]);
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', 'fd00::/129', 'x/8', '10.0.0.0/8/8', ''])('%s is none', (text) => {
    expect(cidrProblems(text)).toHaveLength(1);
  });

  it.each<[string, string, boolean]>([
    ['10.0.0.0/8', '10.1.0.0/16', true],
    ['10.0.0.0/8', '10.0.0.0/8', false],
    ['10.0.0.0/8', '11.0.0.0/16', false],
    ['fd00::/8', 'fd00:1::/32', true],
    ['fd00::/16', '10.0.0.0/24', false],
    ['0.0.0.0/0', '255.255.255.255/32', true],
    ['::ffff:0:0/96', '::ffff:192.0.2.1/128', true],
  ])('%s holds %s: %s', (outer, inner, expected) => {
    expect(isInsideOf(outer, inner)).toBe(expected);
  });

  it('has one way to write an address', () => {
    expect(canonicalAddress('192.0.2.1')).toBe('192.0.2.1');
    expect(canonicalAddress('2001:DB8:0::1')).toBe('2001:db8::1');
    expect(canonicalAddress('host')).toBeUndefined();
    expect(kindOf('ipaddresses').nameProblems?.('2001:db8:0::1')).toHaveLength(1);
    expect(kindOf('ipaddresses').nameProblems?.('2001:db8::1')).toEqual([]);
  });
});

describe('findings', () => {
  it.each<[string, object, string[]]>([
    [
      'ingresses',
      { spec: { rules: [{ host: '*.example.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }] } },
      [],
    ],
    ['ingresses', { spec: {} }, ['spec: Invalid value: {}: either `defaultBackend` or `rules` must be specified']],
    [
      'ingresses',
      {
        spec: {
          rules: [{ host: '10.0.0.1', http: { paths: [{ path: 'x', pathType: 'Exact', backend: {} }, { backend }] } }],
        },
      },
      [
        'spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
        'spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path',
        'spec.rules[0].http.paths[0].backend: Required value: resource or service backend is required',
        'spec.rules[0].http.paths[1].pathType: Required value: pathType must be specified',
        'spec.rules[0].http.paths[1].path: Invalid value: "": must be an absolute path',
      ],
    ],
    [
      'ingressclasses',
      { spec: { controller: 'x', parameters: { kind: 'P', name: 'p', scope: 'Namespace' } } },
      [
        'spec.controller: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")',
        'spec.parameters.namespace: Required value',
      ],
    ],
    [
      'networkpolicies',
      {
        spec: {
          ingress: [
            { from: [{}, { ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }] },
            { ports: [{ port: 80, endPort: 79 }] },
          ],
        },
      },
      [
        'spec.ingress[0].from[0]: Required value: must specify a peer',
        'spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
        'spec.ingress[1].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`',
      ],
    ],
    ['ipaddresses', { spec: {} }, ['spec.parentRef: Required value']],
    [
      'servicecidrs',
      { spec: { cidrs: ['10.0.0.0/8', '11.0.0.0/8'] } },
      [
        'spec.cidrs: Invalid value: ["10.0.0.0/8","11.0.0.0/8"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
      ],
    ],
  ])('%s %j', (resource, object, expected) => {
    expect(findings(resource, object)).toEqual(expected);
  });
});

describe('cells', () => {
  const row = (resource: string, object: object): unknown[] =>
    kindOf(resource).strategy.cells?.({ metadata: { name: 'x' }, ...object }, { now: 0 }) ?? [];

  it('show hosts, addresses and ports of an ingress', () => {
    const rules = ['a.example', 'b.example', 'c.example', 'd.example'].map((host) => ({ host }));
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { hostname: 'lb.example.com' }] } };
    expect(row('ingresses', { spec: { rules, tls: [{}] }, status })).toEqual([
      'x',
      '<none>',
      'a.example,b.example,c.example + 1 more...',
      '192.0.2.1,lb....',
      '80, 443',
      '<unknown>',
    ]);
    expect(row('ingresses', { spec: {} }).slice(2, 5)).toEqual(['*', '', '80']);
  });

  it('show who uses an address', () => {
    const parentRef = { resource: 'services', namespace: 'default', name: 'web' };
    expect(row('ipaddresses', { spec: { parentRef } })[1]).toBe('services/default/web');
  });
});

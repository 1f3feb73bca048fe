import { describe, expect, it } from '@jest/globals';
import type { Node } from '@timonel/sdk/kube';
import { configSchema } from './config.ts';
import { wantedRoutes } from './wanted-routes.ts';

let age = 0;

function node(name: string, podCIDR?: string, address?: string): Node {
  age += 1;
  return {
    metadata: { name, creationTimestamp: `2026-01-01T00:00:${String(age % 60).padStart(2, '0')}Z` },
    spec: podCIDR === undefined ? {} : { podCIDR },
    status:
      address === undefined
        ? {}
        : {
            addresses: [
              { type: 'Hostname', address: name },
              { type: 'InternalIP', address },
            ],
          },
  };
}

const own = node('self', '10.244.0.0/24', '10.99.0.1');

function of(nodes: readonly Node[], clusterCidrs: readonly string[] = []): [Record<string, string>, string[]] {
  const { routes, refused } = wantedRoutes(nodes, 'self', clusterCidrs);
  return [Object.fromEntries(routes), [...refused.values()]];
}

describe('wantedRoutes', () => {
  it('has one route for each other node with a range and an address', () => {
    const nodes = [
      own,
      node('a', '10.244.1.7/24', '10.99.0.2'),
      node('b', '10.244.2.0/24'),
      node('c', undefined, '10.99.0.4'),
    ];
    expect(of(nodes)).toEqual([{ '10.244.1.0/24': '10.99.0.2' }, []]);
    expect(of(nodes.slice(1))).toEqual([{ '10.244.1.0/24': '10.99.0.2' }, []]);
  });

  it('takes the IPv4 range and address of a node that has more', () => {
    const both = node('a', 'fd00::/64', 'fd00::1');
    both.spec.podCIDRs = ['fd00::/64', '10.244.1.0/24'];
    both.status?.addresses?.push({ type: 'InternalIP', address: '10.99.0.2' });
    expect(of([both])).toEqual([{ '10.244.1.0/24': '10.99.0.2' }, []]);
  });

  it.each([
    ['10.0.0.0/7', '10.99.0.9', 'is wider than /8'],
    ['10.244.0.128/25', '10.99.0.9', 'overlaps that of node self'],
    ['10.244.1.0/25', '10.99.0.9', 'overlaps that of node a'],
    ['10.99.0.0/24', '10.99.0.9', 'contains 10.99.0.1, the address of a node'],
    ['10.244.9.0/24', '10.99.0.1', "is reached through 10.99.0.1, which is this node's own address"],
  ])('refuses the range %s of a node at %s: it %s', (cidr, address, why) => {
    const nodes = [own, node('a', '10.244.1.0/24', '10.99.0.2'), node('bad', cidr, address)];
    const shown = cidr === '10.0.0.0/7' ? '10.0.0.0/7' : cidr;
    expect(of(nodes)).toEqual([
      { '10.244.1.0/24': '10.99.0.2' },
      [`the range ${shown} of node bad ${why}: it gets no route`],
    ]);
  });

  it('refuses ranges outside of the cluster, when it knows the cluster', () => {
    const nodes = [own, node('a', '10.244.1.0/24', '10.99.0.2'), node('b', '192.168.0.0/24', '10.99.0.3')];
    expect(of(nodes, ['10.244.0.0/16'])).toEqual([
      { '10.244.1.0/24': '10.99.0.2' },
      ['the range 192.168.0.0/24 of node b is not within 10.244.0.0/16: it gets no route'],
    ]);
  });
});

describe('the configuration', () => {
  it.each([
    [{}],
    [{ nodeName: 'A' }],
    [{ nodeName: 'a', dev: 'a b' }],
    [{ nodeName: 'a', clusterCidrs: ['x'] }],
    [{ nodeName: 'a', vni: 0 }],
  ])('%j is refused', (config) => expect(configSchema.safeParse(config).success).toBe(false));
});

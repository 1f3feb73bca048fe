import { describe, expect, it } from '@jest/globals';
import { formatIpRange } from '@timonel/sdk/contracts/network';
import type { Node } from '@timonel/sdk/kube';
import { configSchema } from './config.ts';
import { factsByAge, wantedRoutes } from './wanted-routes.ts';

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

/** The peers' addresses by their ranges, and what is refused. */
function of(nodes: readonly Node[], clusterCidrs: readonly string[] = []): [Record<string, string>, readonly string[]] {
  const { peers, refused } = wantedRoutes(factsByAge(nodes), 'self', clusterCidrs);
  const shown = peers.map(({ range, node: { addresses } }) => [
    formatIpRange(range),
    [addresses[4], addresses[6]].filter((address) => address !== '').join(' '),
  ]);
  return [Object.fromEntries(shown), refused];
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

  it('takes a range and an address of each family', () => {
    const both = node('a', 'fd00::/64', 'fd99::1');
    both.spec.podCIDRs = ['fd00::/64', '10.244.1.0/24', 'fd00:2::/64'];
    both.status?.addresses?.push({ type: 'InternalIP', address: '10.99.0.2' });
    const addresses = '10.99.0.2 fd99::1';
    expect(of([both])).toEqual([{ '10.244.1.0/24': addresses, 'fd00::/64': addresses }, []]);
    expect(of([node('a', 'fd00::/64', 'fd99::1')], ['10.244.0.0/16'])).toEqual([{ 'fd00::/64': 'fd99::1' }, []]);
    const wide = 'the range fd00::/12 of node a is wider than /16: it gets no route';
    expect(of([node('a', 'fd00::/12', 'fd99::1')])).toEqual([{}, [wide]]);
    const astray = 'the range fd99::/64 of node a contains fd99::1, the address of a node: it gets no route';
    expect(of([node('a', 'fd99::/64', 'fd99::1')])).toEqual([{}, [astray]]);
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

  it('takes no range of the cluster from a node because another one claims an address of it', () => {
    const nodes = [own, node('a', '10.244.1.0/24', '10.99.0.2'), node('bad', '10.244.2.0/24', '10.244.1.9')];
    const routes = { '10.244.1.0/24': '10.99.0.2', '10.244.2.0/24': '10.244.1.9' };
    expect(of(nodes, ['10.244.0.0/16'])).toEqual([routes, []]);
    const within = node('c', '10.244.3.0/24', '10.244.3.9');
    const why = 'the range 10.244.3.0/24 of node c contains 10.244.3.9, the address of a node: it gets no route';
    expect(of([...nodes, within], ['10.244.0.0/16'])).toEqual([routes, [why]]);
  });

  it('tells which ranges of the cluster nothing leads to', () => {
    const unrouted = (nodes: readonly Node[], clusterCidrs: readonly string[] = []): string[] =>
      wantedRoutes(factsByAge(nodes), 'self', clusterCidrs).unrouted.map(formatIpRange);
    const honest = node('a', '10.244.1.0/24', '10.99.0.2');
    const addressless = node('b', '10.244.2.0/24');
    expect(unrouted([own, honest, addressless])).toEqual(['10.244.2.0/24']);
    // Whose address another one claims, and who claims this node's.
    const thief = node('c', '10.244.3.0/24', '10.244.1.9');
    expect(unrouted([own, honest, thief])).toEqual(['10.244.1.0/24']);
    expect(unrouted([own, honest, node('c', '10.244.3.0/24', '10.99.0.1')])).toEqual(['10.244.3.0/24']);
    const overlapping = [node('d', '10.244.1.0/25'), node('e', '10.244.0.0/16'), node('f', '10.244.2.0/25')];
    expect(unrouted([own, honest, addressless, ...overlapping])).toEqual(['10.244.2.0/24']);
    expect(unrouted([own, addressless, node('g', '10.244.2.0/25', '10.99.0.9')])).toEqual([]);
    const misplaced = [node('h', '0.0.0.0/0'), node('i', '8.8.8.0/24'), node('j', '10.99.0.0/24', '10.99.0.2')];
    expect(unrouted([own, ...misplaced], ['10.244.0.0/16'])).toEqual([]);
    expect(unrouted([own, ...misplaced.slice(2)])).toEqual([]);
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

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatIp, ipRangesOverlap, parseIpRange, type IpRange } from '@timonel/sdk/contracts/network';
import type { Node } from '@timonel/sdk/kube';
import { configSchema } from './config.ts';
import { FreeRanges } from './free-ranges.ts';
import { plan } from './plan.ts';

const range = (cidr: string): IpRange => parseIpRange(cidr) ?? { family: 4, first: 0n, last: -1n, prefixLength: 0 };
const ranges = (cidr = '10.244.0.0/22', bits = 24): FreeRanges => new FreeRanges(range(cidr), bits);

function node(name: string, podCIDR?: string, uid = `uid-${name}`): Node {
  return { metadata: { name, uid }, spec: podCIDR === undefined ? {} : { podCIDR, podCIDRs: [podCIDR] } };
}

function given(nodes: readonly Node[], free: FreeRanges, claims: Record<string, string> = {}): Record<string, string> {
  const { assign } = plan(nodes, new Map(Object.entries(claims)), free);
  return Object.fromEntries(assign.map((each) => [each.node.metadata.name, each.podCIDR]));
}

describe('plan', () => {
  it('gives ranges that no node has, and promises them', () => {
    const nodes = [node('a', '10.244.0.0/24'), node('b'), node('c', '10.244.2.0/24'), node('d')];
    expect(given(nodes, ranges())).toEqual({ b: '10.244.1.0/24', d: '10.244.3.0/24' });
    const { claims } = plan(nodes, new Map(), ranges());
    expect([...claims]).toEqual([
      ['10.244.1.0/24', 'b uid-b'],
      ['10.244.3.0/24', 'd uid-d'],
    ]);
  });

  it('gives ranges of IPv6 likewise', () => {
    const nodes = [node('a', 'fd00:10:0:1::/64'), node('b'), node('c'), node('d'), node('x', '10.244.0.0/24')];
    const free = ranges('fd00:10::/62', 64);
    expect(free.size).toBe(4);
    expect(given(nodes, free, { 'fd00:10:0:3::/64': 'c uid-c', 'fd00:11::/64': 'b uid-b' })).toEqual({
      b: 'fd00:10::/64',
      c: 'fd00:10:0:3::/64',
      d: 'fd00:10:0:2::/64',
    });
  });

  it('avoids ranges of other sizes, and does not mind those that lie elsewhere or are none', () => {
    const others = [
      node('wide', '10.244.0.0/23'),
      node('narrow', '10.244.2.128/26'),
      node('x', '10.9.0.0/16'),
      node('y', 'no'),
    ];
    expect(given([...others, node('b')], ranges())).toEqual({ b: '10.244.3.0/24' });
  });

  it('says which nodes get none', () => {
    const nodes = ['a', 'b', 'c'].map((name) => node(name));
    const decided = plan(nodes, new Map(), ranges('10.244.0.0/23'));
    expect(decided.assign.map(({ podCIDR }) => podCIDR)).toEqual(['10.244.0.0/24', '10.244.1.0/24']);
    expect(decided.unserved).toEqual([nodes[2]]);
  });

  it('gives the range of a deleted node again, after all others', () => {
    const free = ranges();
    expect(given([node('a')], free)).toEqual({ a: '10.244.0.0/24' });
    expect(given([node('b')], free)).toEqual({ b: '10.244.1.0/24' });
    expect(given([node('b', '10.244.1.0/24'), node('c'), node('d'), node('e')], free)).toEqual({
      c: '10.244.2.0/24',
      d: '10.244.3.0/24',
      e: '10.244.0.0/24',
    });
  });

  it('keeps a promise to its node alone, and forgets it when the node is gone or has a range', () => {
    const promise = { '10.244.0.0/24': 'a uid-a' };
    expect(given([node('b'), node('a')], ranges(), promise)).toEqual({ a: '10.244.0.0/24', b: '10.244.1.0/24' });
    expect(given([node('b')], ranges(), promise)).toEqual({ b: '10.244.0.0/24' });
    expect(given([node('a', undefined, 'another')], ranges(), promise)).toEqual({ a: '10.244.0.0/24' });
    expect(plan([node('a', '10.244.0.0/24')], new Map(Object.entries(promise)), ranges()).claims.size).toBe(0);
  });

  it('breaks a promise that a node has made impossible, or that is of another configuration', () => {
    const promise = { '10.244.0.0/24': 'a uid-a' };
    expect(given([node('a'), node('b', '10.244.0.0/24')], ranges(), promise)).toEqual({ a: '10.244.1.0/24' });
    expect(given([node('a')], ranges('10.0.0.0/22'), promise)).toEqual({ a: '10.0.0.0/24' });
    expect(given([node('a')], ranges('10.244.0.0/22', 25), promise)).toEqual({ a: '10.244.0.0/25' });
  });

  it('leaves nodes alone that are being deleted', () => {
    const leaving = node('a');
    leaving.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    expect(given([leaving], ranges())).toEqual({});
  });

  it('never lets ranges overlap, whatever nodes bring along', () => {
    const cidr = fc.tuple(fc.integer({ min: 0, max: 2047 }), fc.integer({ min: 21, max: 28 })).map(([at, bits]) => {
      const { first, prefixLength } = range(`10.244.${at >> 8}.${at % 256}/${bits}`);
      return `${formatIp({ family: 4, value: first })}/${prefixLength}`;
    });
    fc.assert(
      fc.property(fc.array(fc.option(cidr)), fc.integer({ min: 22, max: 27 }), (cidrs, bits) => {
        const nodes = cidrs.map((text, index) => node(`n${index}`, text ?? undefined));
        const { assign, unserved } = plan(nodes, new Map(), ranges('10.244.0.0/21', bits));
        const brought = cidrs.flatMap((text) => (text === null ? [] : [range(text)]));
        const made = assign.map(({ podCIDR }) => range(podCIDR));
        expect(assign.length + unserved.length + brought.length).toBe(nodes.length);
        for (const [index, one] of made.entries()) {
          for (const other of [...brought, ...made.slice(index + 1)]) expect(ipRangesOverlap(one, other)).toBe(false);
        }
      }),
    );
  });
});

describe('the configuration', () => {
  it.each([
    [{ clusterCidr: '10.244.0.0/33' }, 'clusterCidr'],
    [{ clusterCidr: '0.0.0.0/4' }, 'clusterCidr'],
    [{ clusterCidr: '10.0.0.0/8', nodeMaskBits: 28 }, 'nodeMaskBits'],
    [{ clusterCidr: '10.1.0.0/20', nodeMaskBits: 18 }, 'nodeMaskBits'],
    [{ nodeMaskBits: 30 }, 'nodeMaskBits'],
    [{ nodeMask: 24 }, undefined],
  ])('%j is refused', (config, key) => {
    const { error } = configSchema.safeParse(config);
    expect(error?.issues[0]?.path[0]).toBe(key);
  });

  it('has defaults', () => {
    expect(configSchema.parse({})).toEqual({ clusterCidr: '10.244.0.0/16', nodeMaskBits: 24, nodeMaskBits6: 64 });
  });
});

import { describe, expect, it } from '@jest/globals';
import type { EndpointSlice, Node, Service } from '../../kube/index.ts';
import { announcingNode } from './index.ts';

const service = (externalTrafficPolicy = 'Cluster'): Service => ({
  metadata: { name: 'web' },
  spec: { type: 'LoadBalancer', externalTrafficPolicy },
});

function node(name: string, ready = true, labels: Record<string, string> = {}): Node {
  const conditions = [{ type: 'Ready', status: ready ? ('True' as const) : ('False' as const) }];
  return { metadata: { name, labels }, spec: {}, status: { conditions } };
}

const names = ['a', 'b', 'c', 'd'];
const addresses = Array.from({ length: 40 }, (_, index) => `192.0.2.${index}`);
const choices = (nodes: readonly Node[]): (string | undefined)[] =>
  addresses.map((address) => announcingNode(address, service(), [], nodes));

describe('announcingNode', () => {
  it('spreads addresses over the nodes, whatever their order, and moves only those of a node that goes', () => {
    const all = choices(names.map((name) => node(name)));
    expect(new Set(all)).toEqual(new Set(names));
    expect(choices(names.toReversed().map((name) => node(name)))).toEqual(all);
    const less = choices(names.map((name) => node(name, name !== 'b')));
    expect(less.filter((name, index) => name !== all[index])).toHaveLength(all.filter((name) => name === 'b').length);
  });

  it('weighs each node once, however many there are', () => {
    let looks = 0;
    const counted = Array.from({ length: 100 }, (_, index) => {
      const name = { toString: () => ((looks += 1), `n${index}`) } as unknown as string;
      return { ...node(''), metadata: { name } };
    });
    expect(String(announcingNode('192.0.2.1', service(), [], counted))).toMatch(/^n\d+$/);
    expect(looks).toBeLessThanOrEqual(101);
  });

  it('leaves out nodes that are not ready, being deleted, or excluded', () => {
    const leaving = { ...node('b'), metadata: { name: 'b', deletionTimestamp: '2026-01-01T00:00:00Z' } };
    const excluded = node('c', true, { 'node.kubernetes.io/exclude-from-external-load-balancers': '' });
    expect(new Set(choices([node('a'), leaving, excluded, node('d', false)]))).toEqual(new Set(['a']));
    expect(new Set(choices([leaving]))).toEqual(new Set([undefined]));
  });

  it('with externalTrafficPolicy Local takes a node with a ready pod', () => {
    const endpoints = [
      { addresses: ['10.0.0.1'], nodeName: 'a', conditions: { ready: false } },
      { addresses: ['10.0.0.2'], nodeName: 'b' },
    ];
    const slice: EndpointSlice = { metadata: { name: 's' }, addressType: 'IPv4', endpoints };
    const nodes = names.map((name) => node(name));
    expect(new Set(addresses.map((address) => announcingNode(address, service('Local'), [slice], nodes)))).toEqual(
      new Set(['b']),
    );
    expect(announcingNode('192.0.2.1', service('Local'), [], nodes)).toBeUndefined();
    // Where its pods have no address of the family, nobody could be led to them.
    expect(announcingNode('fd00::1', service('Local'), [slice], nodes)).toBeUndefined();
    const six: EndpointSlice = {
      ...slice,
      addressType: 'IPv6',
      endpoints: [{ addresses: ['fd01::1'], nodeName: 'c' }],
    };
    expect(announcingNode('fd00::1', service('Local'), [slice, six], nodes)).toBe('c');
  });
});

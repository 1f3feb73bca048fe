import { describe, expect, it } from '@jest/globals';
import type { Node } from '@timonel/sdk/kube';
import { explain, reconcile, type Observed } from './reconcile.ts';

const node = (name: string): Node => ({ metadata: { name, uid: `uid-${name}` }, spec: {} });
const seen = (more: Partial<Observed>): Observed => ({
  subject: undefined,
  nowMs: 0,
  timestamp: '',
  supply: { clusterCidr: '10.244.0.0/23', size: 2, partnerOf: () => undefined },
  decided: undefined,
  before: undefined,
  isUnserved: false,
  ...more,
});
const text = 'all 2 ranges of 10.244.0.0/23 are in use: node b gets none until one is free';

describe('reconcile', () => {
  it('gives the range of IPv6 that goes with that of IPv4', () => {
    const decided = { claims: new Map(), assign: [{ node: node('a'), podCIDR: '10.244.1.0/24' }], unserved: [] };
    const supply = { clusterCidr: '10.244.0.0/23', size: 2, partnerOf: () => 'fd00:1::/64' };
    const { actions } = reconcile(seen({ decided, supply, before: { claims: new Map(), object: undefined } }));
    expect(actions).toMatchObject([
      { patch: { body: [{}, { value: '10.244.1.0/24' }, { value: ['10.244.1.0/24', 'fd00:1::/64'] }] } },
    ]);
  });

  it('promises ranges of IPv6 under keys that a ConfigMap may have', () => {
    const claims = new Map([['fd00:10::/64', 'a uid-a']]);
    const decided = { claims, assign: [], unserved: [] };
    const { actions } = reconcile(seen({ decided, before: { claims: new Map(), object: undefined } }));
    expect(actions).toMatchObject([{ object: { data: { 'fd00_10__-64': 'a uid-a' } } }]);
  });

  it('promises before it gives, and tells who gets none', () => {
    const claims = new Map([['10.244.1.0/24', 'a uid-a']]);
    const decided = { claims, assign: [{ node: node('a'), podCIDR: '10.244.1.0/24' }], unserved: [node('b')] };
    const before = { claims: new Map(), object: undefined };
    expect(reconcile(seen({ decided, before })).actions).toMatchObject([
      { do: 'create', object: { data: { '10.244.1.0-24': 'a uid-a' } } },
      {
        do: 'patch',
        object: node('a'),
        patch: { body: [{ op: 'test', value: 'uid-a' }, {}, { value: ['10.244.1.0/24'] }] },
      },
      { do: 'event', event: { reason: 'CIDRNotAvailable', message: text, about: { object: node('b') } } },
    ]);
    const object = { metadata: { name: 'timonel-node-ranges' }, data: { '10.244.1.0-24': 'a uid-a' } };
    expect(reconcile(seen({ decided, before: { claims, object } })).actions).toMatchObject([
      { do: 'patch' },
      { do: 'event' },
    ]);
  });
});

describe('explain', () => {
  it('says why a node has no range', () => {
    const unblock = expect.stringContaining('clusterCidr');
    expect(explain(seen({ subject: node('b'), isUnserved: true }))).toMatchObject([
      { code: 'NoRangeFree', text, unblock },
    ]);
    expect(explain(seen({ subject: node('b') }))).toMatchObject([{ code: 'NoRange' }]);
    expect(explain(seen({ subject: { ...node('b'), spec: { podCIDR: '10.244.1.0/24' } } }))).toEqual([]);
  });
});

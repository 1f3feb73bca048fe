import { describe, expect, it } from '@jest/globals';
import { addressAnnotation, poolAnnotation } from '@timonel/sdk/contracts/loadbalancer';
import type { Service } from '@timonel/sdk/kube';
import { poolOf } from './pools.ts';
import { explain, type Observed } from './reconcile.ts';
import { addressesOf, aService, main, observed, pass, settled } from './testing/passes.ts';

const six = poolOf({ name: 'six', addresses: ['fd00::1-fd00::2'], autoAssign: true });
const both = [main, six];
type Policy = 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';

function dual(ipFamilyPolicy: Policy, more: Partial<Service['spec']> = {}): Partial<Service['spec']> {
  return { ipFamilyPolicy, ipFamilies: ['IPv4', 'IPv6'], ...more };
}

const of = (spec: Partial<Service['spec']>, ingress?: readonly string[]): Service =>
  aService({ spec, ...(ingress === undefined ? {} : { ingress }) });
const given = (seen: Observed): readonly string[] => addressesOf(settled(seen));
const holders = ['fd00::1', 'fd00::2'].map((ingress, index) => aService({ name: `h${index}`, ingress }));

describe('a service of two families', () => {
  it('gets an address of each, in the order of its families, told by one event', () => {
    const seen = observed(of(dual('RequireDualStack')), [], both);
    const after = settled(seen);
    expect(addressesOf(after)).toEqual(['192.0.2.1', 'fd00::1']);
    expect(after.metadata.annotations).toEqual({ [poolAnnotation]: 'main,six' });
    expect(pass(seen).events).toEqual([
      'EnsuredLoadBalancer: Ensured load balancer with the address 192.0.2.1 and the address fd00::1',
    ]);
    expect(given(observed(of(dual('PreferDualStack', { ipFamilies: ['IPv6', 'IPv4'] })), [], both))).toEqual([
      'fd00::1',
      '192.0.2.1',
    ]);
  });

  it('that is required waits for both, says which is missing, and keeps what it had', () => {
    const seen = observed(of(dual('RequireDualStack')), [], [main]);
    const waiting = settled(seen);
    expect(waiting.status).toMatchObject({
      loadBalancer: {},
      conditions: [{ reason: 'NoPool', message: 'no pool has IPv6 addresses' }],
    });
    expect(pass(seen).events).toEqual([
      'SyncLoadBalancerFailed: Error syncing load balancer: no pool has IPv6 addresses',
    ]);
    const had = observed(of(dual('RequireDualStack'), ['192.0.2.2']), holders, both);
    expect(given(had)).toEqual(['192.0.2.2']);
    expect(explain(had)).toMatchObject([
      { code: 'PoolExhausted', text: 'it has no IPv6 address: all IPv6 addresses are given away: six (2 addresses)' },
    ]);
    expect(
      given({ ...had, subject: of(dual('RequireDualStack', { loadBalancerIP: '192.0.2.3' }), ['192.0.2.2']) }),
    ).toEqual(['192.0.2.3']);
    expect(given(observed(waiting, holders.slice(1), both))).toEqual(['192.0.2.1', 'fd00::1']);
  });

  it('that is preferred takes what there is without a warning, and the rest when it comes', () => {
    for (const seen of [
      observed(of(dual('PreferDualStack')), [], [main]),
      observed(of(dual('PreferDualStack')), holders, both),
    ]) {
      const after = settled(seen);
      expect([addressesOf(after), after.status?.conditions, explain(seen)]).toEqual([['192.0.2.1'], undefined, []]);
      expect(pass(seen).events).toEqual(['EnsuredLoadBalancer: Ensured load balancer with the address 192.0.2.1']);
      const later = observed(after, [], both);
      expect(given(later)).toEqual(['192.0.2.1', 'fd00::1']);
      expect(pass(later).events).toEqual(['EnsuredLoadBalancer: Ensured load balancer with the address fd00::1']);
    }
    const nothing = observed(
      of(dual('PreferDualStack')),
      [],
      [poolOf({ name: 'own', addresses: ['192.0.2.9', 'fd00::9'], autoAssign: false })],
    );
    expect(settled(nothing).status?.conditions).toMatchObject([
      { reason: 'PoolExhausted', message: expect.stringContaining('no pool gives IPv6 addresses') },
    ]);
  });

  it('gains and loses the second address with its policy', () => {
    const single = of({ ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] }, ['192.0.2.2', 'fd00::2']);
    expect(settled(observed(single, [], both))).toMatchObject({
      metadata: { annotations: { [poolAnnotation]: 'main' } },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.2' }] } },
    });
    expect(given(observed(of(dual('PreferDualStack'), ['192.0.2.2']), [], both))).toEqual(['192.0.2.2', 'fd00::1']);
  });

  it('of IPv6 alone gets no IPv4 address', () => {
    expect(given(observed(of({ ipFamilies: ['IPv6'] }), [], both))).toEqual(['fd00::1']);
    expect(given(observed(of({ ipFamilies: ['IPv6'] }), [], [main]))).toEqual([]);
  });
});

describe('wishes', () => {
  it('are for one family or, with a comma, for both, however they are written', () => {
    expect(given(observed(of(dual('RequireDualStack', { loadBalancerIP: 'FD00::0:2' })), [], both))).toEqual([
      '192.0.2.1',
      'fd00::2',
    ]);
    const annotations = { [addressAnnotation]: 'fd00::2, 192.0.2.3' };
    const wishful = aService({ spec: dual('PreferDualStack'), metadata: { annotations } });
    expect(given(observed(wishful, [], both))).toEqual(['192.0.2.3', 'fd00::2']);
  });

  it.each([
    ['fd00::1,fd00::2', 'AddressInvalid', '"fd00::2" is the second IPv6 address that is wished'],
    ['192.0.2.1,web', 'AddressInvalid', '"web" is not an IPv4 or IPv6 address'],
    ['fd00::', 'AddressNotInPool', 'no pool has the address fd00::'],
  ])('%s: %s', (loadBalancerIP, reason, message) => {
    const seen = observed(of(dual('RequireDualStack', { loadBalancerIP })), [], both);
    expect(settled(seen).status).toMatchObject({ loadBalancer: {}, conditions: [{ reason, message }] });
  });

  it('for a preferred family that the cluster does not have are passed over', () => {
    const only = dual('PreferDualStack', { ipFamilies: ['IPv4'], loadBalancerIP: '192.0.2.3,fd00::2' });
    const seen = observed(of(only), [], both);
    expect([given(seen), explain(seen)]).toEqual([['192.0.2.3'], []]);
    const single = observed(of({ ...only, ipFamilyPolicy: 'SingleStack' }), [], both);
    expect(settled(single).status).toMatchObject({ conditions: [{ reason: 'AddressInvalid' }] });
  });

  it('that cannot be met are told, also where the second family is only preferred', () => {
    const seen = observed(of(dual('PreferDualStack', { loadBalancerIP: 'fd00::1' })), holders, both);
    expect(addressesOf(settled(seen))).toEqual(['192.0.2.1']);
    expect(explain(seen)).toMatchObject([{ code: 'AddressTaken' }]);
  });
});

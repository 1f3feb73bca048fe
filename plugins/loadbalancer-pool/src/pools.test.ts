import { describe, expect, it } from '@jest/globals';
import { overlapOf, parseRange, poolOf } from './pools.ts';

const nobody = (): boolean => false;
const of = (...addresses: string[]): ReturnType<typeof poolOf> => poolOf({ name: 'p', addresses, autoAssign: true });

describe('ranges', () => {
  it('are of one family each, and of addresses that a machine can have beyond its links', () => {
    const bad = [
      'fd00::1-192.0.2.1',
      'fd00::2-fd00::1',
      'fe80::1',
      'ff02::/64',
      '::1',
      '::ffff:192.0.2.1',
      'fd00::1%eth0',
      'fd00::/129',
    ];
    expect(bad.filter((text) => parseRange(text) !== undefined)).toEqual([]);
    const good = ['192.0.2.1', 'fd00::1', 'FD00::1 - fd00::9', '2001:db8::/64', 'fd00::/127'];
    expect(good.filter((text) => parseRange(text) === undefined)).toEqual([]);
  });

  it('of IPv6 leave out the address of all routers of a network', () => {
    expect(of('fd00::100/120').firstFree(6, nobody)).toBe('fd00::101');
    expect(of('fd00::100/127').firstFree(6, nobody)).toBe('fd00::100');
    expect(of('fd00::-fd00::9').firstFree(6, nobody)).toBe('fd00::1');
    expect(parseRange('fd00::')).toBeUndefined();
    const wide = of('fd00:0:0:1:ffff:ffff:ffff:ffff-fd00:0:0:2::9');
    expect(wide.includes('fd00:0:0:2::')).toBe(false);
    expect(wide.firstFree(6, (address) => address === 'fd00::1:ffff:ffff:ffff:ffff')).toBe('fd00:0:0:2::1');
    expect(of('192.0.2.0/30').firstFree(4, nobody)).toBe('192.0.2.0');
  });

  it('of a pool are counted and searched by family, whatever the way an address is written', () => {
    const pool = of('192.0.2.0/30', 'fd00::/64');
    expect([pool.size(4), pool.size(6)]).toEqual([4n, 2n ** 64n - 1n]);
    expect([pool.includes('FD00:0::7'), pool.includes('fd00:1::7'), pool.includes('no')]).toEqual([true, false, false]);
    expect(of('fd00::1').firstFree(4, nobody)).toBeUndefined();
  });

  it('that overlap are found, also in one pool', () => {
    expect(
      overlapOf([{ addresses: ['fd00::10-fd00::20'] }, { addresses: ['192.0.2.1', 'fd00::20/124'] }]),
    ).toBeUndefined();
    expect(overlapOf([{ addresses: ['fd00::10-fd00::21'] }, { addresses: ['fd00::20/124'] }])).toEqual([
      'fd00::10-fd00::21',
      'fd00::20/124',
    ]);
    expect(overlapOf([{ addresses: ['192.0.2.7', '192.0.2.0/28'] }])).toEqual(['192.0.2.0/28', '192.0.2.7']);
    expect(overlapOf([{ addresses: ['0.0.0.1', '10.0.0.1'] }, { addresses: ['64::1'] }])).toBeUndefined();
  });
});
